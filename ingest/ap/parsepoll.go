package ap

import "time"

const maxVotes = 1 << 30

// poll reads the poll of a Question: anyOf is multiple choice, oneOf is not.
func (d *document) poll(obj ref, p *Post) *Poll {
	if p.Type != "Question" {
		return nil
	}
	poll := &Poll{
		Ends:   d.date(d.get(obj, "endTime")),
		Voters: d.count(d.get(obj, "votersCount"), maxVotes),
	}
	options := d.get(obj, "oneOf")
	if any := d.get(obj, "anyOf"); any != 0 {
		options, poll.Multiple = any, true
	}
	for v := range d.items(options) {
		title := d.line(d.first(v, "name", "content"), maxLine)
		if title == "" {
			continue
		}
		if len(poll.Options) == maxPollOptions {
			break
		}
		votes := d.get(d.get(v, "replies"), "totalItems")
		poll.Options = append(poll.Options, PollOption{Title: title, Votes: d.count(votes, maxVotes)})
	}
	if len(poll.Options) == 0 {
		return nil
	}
	poll.Closed = d.closed(obj, poll, p)
	return poll
}

// closed is when a poll was closed. Some say only that it was (Pleroma): then
// the best date that there is.
func (d *document) closed(obj ref, poll *Poll, p *Post) time.Time {
	v := d.get(obj, "closed")
	t := d.date(v)
	if !t.IsZero() || !d.truth(v) {
		return t
	}
	for _, t := range []time.Time{poll.Ends, p.Updated, p.Published} {
		if !t.IsZero() {
			return t
		}
	}
	return time.Unix(0, 0).UTC()
}
