package model

import "fmt"

// Frame is what a reader of a stream saw.
type Frame struct {
	Kind   string // create, update, delete, withdraw
	Scope  string // of a delete or withdraw: object, actor, domain
	URI    string
	Actor  string
	Domain string
	Mark   string // of the version, of a create or update
}

// Stream goes through the frames of a reader from the log's start, in order. It returns what
// is missing, which may still come, and what is wrong.
//
// A replay begins after all was said: it must hold nothing of what is gone.
func (m *Model) Stream(frames []Frame, replay bool) (missing, wrong []string) {
	has := map[string]string{} // mark by URI
	had := map[string]bool{}   // a reader may come back to what its author withdrew
	for _, f := range frames {
		if problem := m.frame(f, has, had, replay); problem != "" {
			wrong = append(wrong, problem)
		}
	}
	for uri, o := range m.objects {
		mark, there := has[uri]
		switch {
		case o.tier >= Live && !there:
			missing = append(missing, "not on the stream: "+uri)
		case o.tier >= Live && mark != o.last().Mark:
			missing = append(missing, "the stream has an old version of "+uri)
		case o.tier < Live && there:
			missing = append(missing, "not taken off the stream: "+uri)
		}
	}
	return missing, wrong
}

// frame is one step of a reader, who has what it was told.
func (m *Model) frame(f Frame, has map[string]string, had map[string]bool, replay bool) string {
	switch f.Kind {
	case "create", "update":
		_, there := has[f.URI]
		before := had[f.URI] || replay
		has[f.URI], had[f.URI] = f.Mark, true
		switch {
		case !m.wasShown(f.URI, f.Mark):
			return fmt.Sprintf("%s of %s (%s) must not be on the stream", f.Kind, f.URI, f.Mark)
		case f.Kind == "create" && there:
			return "created twice: " + f.URI
		case f.Kind == "update" && !there && !before:
			return "updated before it was created: " + f.URI
		case replay && m.objects[f.URI].tier < Live:
			return "replayed, though it was deleted or withdrawn: " + f.URI
		}
	case "delete", "withdraw":
		return m.goes(f, has)
	default:
		return "a frame of kind " + f.Kind
	}
	return ""
}

// goes is a frame that takes something away.
func (m *Model) goes(f Frame, has map[string]string) string {
	switch f.Scope {
	case "object":
		delete(has, f.URI)
		if o := m.objects[f.URI]; o == nil {
			return "a delete of what was never there: " + f.URI
		}
	case "actor":
		for uri := range has {
			if o := m.objects[uri]; o != nil && o.author == f.Actor {
				delete(has, uri)
			}
		}
	case "domain":
		return "withdrawn: " + f.Domain
	}
	return ""
}

// wasShown reports whether a version was ever fit to be shown.
func (m *Model) wasShown(uri, mark string) bool {
	o := m.objects[uri]
	if o == nil {
		return false
	}
	for _, v := range o.versions {
		if v.Mark == mark {
			return v.tier >= Live
		}
	}
	return false
}
