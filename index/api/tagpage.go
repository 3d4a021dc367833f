package api

import (
	"context"
	"html/template"
	"net/http"
	"time"

	"tributary/index"
	"tributary/ingest/ap"
)

// tagPage is GET /tags/{tag}, where apps and other servers link a hashtag to. It
// tells how much a hashtag is used, which is public; the posts are read with an app.
func (a *API) tagPage(w http.ResponseWriter, r *http.Request) {
	name := ap.FoldTag(r.PathValue("tag"))
	if name == "" {
		http.NotFound(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), a.cfg.Timeout)
	defer cancel()
	page := struct {
		Name, Title, Host string
		Days              []index.TagDay
	}{Name: name, Title: a.cfg.Title, Host: a.cfg.host(), Days: a.tagDays(ctx, name)}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", cacheShort)
	if err := tagTemplate.Execute(w, page); err != nil {
		a.log.Debug("page of a hashtag was not sent", "err", err)
	}
}

// tagDays is nil when the index cannot be asked now: the page is shown without.
func (a *API) tagDays(ctx context.Context, name string) []index.TagDay {
	done, err := a.turn(ctx)
	if err != nil {
		return nil
	}
	defer done()
	trend, err := a.deps.Queries.Tag(ctx, name)
	if err != nil {
		a.log.Warn("page of a hashtag without its use", "err", err)
	}
	return trend.History
}

var tagTemplate = template.Must(template.New("tag").Funcs(template.FuncMap{
	"date": func(t time.Time) string { return t.UTC().Format(time.DateOnly) },
}).Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>#{{.Name}} – {{.Title}}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}td,th{padding:.1rem 1.5rem .1rem 0;text-align:left}</style>
</head>
<body>
<h1>#{{.Name}}</h1>
{{if .Days}}<table>
<tr><th>Day (UTC)</th><th>Posts</th><th>Authors</th></tr>
{{range .Days}}<tr><td>{{date .Day}}</td><td>{{.Uses}}</td><td>{{.Accounts}}</td></tr>
{{end}}</table>
<p>What fewer than five authors wrote on a day is not counted.</p>{{else}}<p>How much it is used cannot be told now.</p>{{end}}
<p>Posts with this hashtag are read with a Mastodon app that is connected to {{.Host}}. <a href="/">{{.Title}}</a></p>
</body>
</html>
`))
