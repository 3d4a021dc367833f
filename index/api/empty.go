package api

// emptyList answers a list that is empty by nature: this server has no emojis,
// announcements or rules of its own, and ranks neither posts nor links.
func (a *API) emptyList(q *request) error {
	q.body = append(q.body, "[]"...)
	return nil
}

// emptyObject answers the map of languages that can be translated: none.
func (a *API) emptyObject(q *request) error {
	q.body = append(q.body, "{}"...)
	return nil
}
