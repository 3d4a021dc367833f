package relay

import (
	"bytes"
	"fmt"
	"html/template"
)

// homePage says what to paste where. The full public page comes with relay/web.
var homePage = template.Must(template.New("home").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Name}}</title>
<h1>{{.Name}}</h1>
<p>{{.Summary}}</p>
<p>This is a relay of the fediverse. To subscribe your server, paste this address into its relay form
(Mastodon: Administration, Relays; Misskey and Sharkey: Control panel, Relays):</p>
<pre>{{.Inbox}}</pre>
<p>The relay's actor is <code>{{.Actor}}</code>.</p>
{{with .Contact}}<p>Operator: {{.}}</p>
{{end}}`))

func newHome(c Community, cfg Config) (*document, error) {
	var b bytes.Buffer
	err := homePage.Execute(&b, map[string]string{
		"Name": cfg.Name, "Summary": cfg.Summary, "Inbox": c.Inbox(), "Actor": c.Actor(), "Contact": cfg.Contact,
	})
	if err != nil {
		return nil, fmt.Errorf("relay: rendering the home page: %w", err)
	}
	return newDocument("text/html; charset=utf-8", b.Bytes()), nil
}
