package status

import (
	"math"
	"strconv"

	"tributary/ingest"
)

// AppendJSON appends the Status of a record's post.
func (v Renderer) AppendJSON(b []byte, r *ingest.Record) []byte {
	s := v.Render(r)
	return s.AppendJSON(b)
}

// AppendJSON appends the entity. It says what encoding/json says, in half
// the time or less, and leaves the angle brackets of HTML as they are.
func (s *Status) AppendJSON(b []byte) []byte {
	b = appendID(b, `{"id":`, s.ID)
	b = appendTime(b, `,"created_at":`, s.CreatedAt)
	b = appendOptionalID(b, `,"in_reply_to_id":`, s.InReplyToID)
	b = appendOptionalID(b, `,"in_reply_to_account_id":`, s.InReplyToAccountID)
	b = appendBool(b, `,"sensitive":`, s.Sensitive)
	b = appendString(b, `,"spoiler_text":`, s.SpoilerText)
	b = appendString(b, `,"visibility":`, s.Visibility)
	b = appendOptional(b, `,"language":`, s.Language)
	b = appendString(b, `,"uri":`, s.URI)
	b = appendString(b, `,"url":`, s.URL)
	b = appendInt(b, `,"replies_count":`, s.RepliesCount)
	b = appendInt(b, `,"reblogs_count":`, s.ReblogsCount)
	b = appendInt(b, `,"favourites_count":`, s.FavouritesCount)
	b = appendInt(b, `,"quotes_count":`, s.QuotesCount)
	b = appendOptionalTime(b, `,"edited_at":`, s.EditedAt)
	b = appendString(b, `,"content":`, s.Content)
	b = append(b, `,"reblog":`...)
	if s.Reblog != nil {
		b = s.Reblog.AppendJSON(b)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `,"application":null,"account":`...)
	b = s.Account.AppendJSON(b)
	b = appendList(b, `,"media_attachments":`, s.MediaAttachments, (*Media).appendJSON)
	b = appendList(b, `,"mentions":`, s.Mentions, (*Mention).appendJSON)
	b = appendList(b, `,"tags":`, s.Tags, (*Tag).appendJSON)
	b = appendList(b, `,"emojis":`, s.Emojis, (*Emoji).appendJSON)
	b = append(b, `,"quote":null,"card":null,"poll":`...)
	if s.Poll != nil {
		b = s.Poll.appendJSON(b)
	} else {
		b = append(b, "null"...)
	}
	return append(b, '}')
}

// AppendJSON appends the entity.
func (a *Account) AppendJSON(b []byte) []byte {
	b = appendID(b, `{"id":`, a.ID)
	b = appendString(b, `,"username":`, a.Username)
	b = appendString(b, `,"acct":`, a.Acct)
	b = appendString(b, `,"display_name":`, a.DisplayName)
	b = appendBool(b, `,"locked":`, a.Locked)
	b = appendBool(b, `,"bot":`, a.Bot)
	b = appendBool(b, `,"discoverable":`, a.Discoverable)
	b = appendBool(b, `,"indexable":`, a.Indexable)
	b = appendBool(b, `,"group":`, a.Group)
	b = appendTime(b, `,"created_at":`, a.CreatedAt)
	b = appendString(b, `,"note":`, a.Note)
	b = appendString(b, `,"url":`, a.URL)
	b = appendString(b, `,"uri":`, a.URI)
	b = appendString(b, `,"avatar":`, a.Avatar)
	b = appendString(b, `,"avatar_static":`, a.AvatarStatic)
	b = appendString(b, `,"header":`, a.Header)
	b = appendString(b, `,"header_static":`, a.HeaderStatic)
	b = appendInt(b, `,"followers_count":`, a.FollowersCount)
	b = appendInt(b, `,"following_count":`, a.FollowingCount)
	b = appendInt(b, `,"statuses_count":`, a.StatusesCount)
	b = appendOptional(b, `,"last_status_at":`, a.LastStatusAt)
	b = appendList(b, `,"emojis":`, a.Emojis, (*Emoji).appendJSON)
	b = appendList(b, `,"fields":`, a.Fields, (*Field).appendJSON)
	if a.Suspended {
		b = append(b, `,"suspended":true`...)
	}
	if a.Memorial {
		b = append(b, `,"memorial":true`...)
	}
	return append(b, '}')
}

func (f *Field) appendJSON(b []byte) []byte {
	b = appendString(b, `{"name":`, f.Name)
	b = appendString(b, `,"value":`, f.Value)
	b = appendOptionalTime(b, `,"verified_at":`, f.VerifiedAt)
	return append(b, '}')
}

func (m *Media) appendJSON(b []byte) []byte {
	b = appendID(b, `{"id":`, m.ID)
	b = appendString(b, `,"type":`, m.Type)
	b = appendString(b, `,"url":`, m.URL)
	b = appendString(b, `,"preview_url":`, m.PreviewURL)
	b = appendString(b, `,"remote_url":`, m.RemoteURL)
	b = m.Meta.appendJSON(append(b, `,"meta":`...))
	b = appendOptional(b, `,"description":`, m.Description)
	b = appendOptional(b, `,"blurhash":`, m.Blurhash)
	return append(b, '}')
}

func (m *MediaMeta) appendJSON(b []byte) []byte {
	open := len(b)
	if m.Original != nil {
		b = m.Original.appendJSON(append(b, `,"original":`...))
	}
	if m.Small != nil {
		b = m.Small.appendJSON(append(b, `,"small":`...))
	}
	if m.Focus != nil {
		b = appendFloat(b, `,"focus":{"x":`, m.Focus.X)
		b = appendFloat(b, `,"y":`, m.Focus.Y)
		b = append(b, '}')
	}
	if len(b) == open {
		return append(b, "{}"...)
	}
	b[open] = '{' // in place of the first comma
	return append(b, '}')
}

func (s *Size) appendJSON(b []byte) []byte {
	b = appendInt(b, `{"width":`, s.Width)
	b = appendInt(b, `,"height":`, s.Height)
	b = appendString(b, `,"size":`, s.Size)
	b = appendFloat(b, `,"aspect":`, s.Aspect)
	return append(b, '}')
}

func (m *Mention) appendJSON(b []byte) []byte {
	b = appendID(b, `{"id":`, m.ID)
	b = appendString(b, `,"username":`, m.Username)
	b = appendString(b, `,"url":`, m.URL)
	b = appendString(b, `,"acct":`, m.Acct)
	return append(b, '}')
}

func (t *Tag) appendJSON(b []byte) []byte {
	b = appendString(b, `{"name":`, t.Name)
	b = appendString(b, `,"url":`, t.URL)
	return append(b, '}')
}

func (e *Emoji) appendJSON(b []byte) []byte {
	b = appendString(b, `{"shortcode":`, e.Shortcode)
	b = appendString(b, `,"url":`, e.URL)
	b = appendString(b, `,"static_url":`, e.StaticURL)
	b = appendBool(b, `,"visible_in_picker":`, e.VisibleInPicker)
	b = appendOptional(b, `,"category":`, e.Category)
	return append(b, '}')
}

func (p *Poll) appendJSON(b []byte) []byte {
	b = appendID(b, `{"id":`, p.ID)
	b = appendOptionalTime(b, `,"expires_at":`, p.ExpiresAt)
	b = appendBool(b, `,"expired":`, p.Expired)
	b = appendBool(b, `,"multiple":`, p.Multiple)
	b = appendInt(b, `,"votes_count":`, p.VotesCount)
	b = append(b, `,"voters_count":`...)
	if p.VotersCount != nil {
		b = strconv.AppendInt(b, int64(*p.VotersCount), 10)
	} else {
		b = append(b, "null"...)
	}
	b = appendList(b, `,"options":`, p.Options, (*PollOption).appendJSON)
	b = appendList(b, `,"emojis":`, p.Emojis, (*Emoji).appendJSON)
	return append(b, '}')
}

func (o *PollOption) appendJSON(b []byte) []byte {
	b = appendString(b, `{"title":`, o.Title)
	b = appendInt(b, `,"votes_count":`, o.VotesCount)
	return append(b, '}')
}

// The functions below append key, which brings its own punctuation, and a value.

func appendString(b []byte, key, s string) []byte { return AppendString(append(b, key...), s) }

func appendOptional(b []byte, key string, s *string) []byte {
	if s == nil {
		return append(append(b, key...), "null"...)
	}
	return appendString(b, key, *s)
}

func appendBool(b []byte, key string, v bool) []byte {
	return strconv.AppendBool(append(b, key...), v)
}

func appendInt(b []byte, key string, v int) []byte {
	return strconv.AppendInt(append(b, key...), int64(v), 10)
}

// appendFloat writes what is no number as 0: JSON has no word for it.
func appendFloat(b []byte, key string, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	return strconv.AppendFloat(append(b, key...), v, 'g', -1, 64)
}

func appendID(b []byte, key string, id ID) []byte { return id.appendJSON(append(b, key...)) }

func appendOptionalID(b []byte, key string, id *ID) []byte {
	if id == nil {
		return append(append(b, key...), "null"...)
	}
	return appendID(b, key, *id)
}

func appendTime(b []byte, key string, t Time) []byte { return t.appendJSON(append(b, key...)) }

func appendOptionalTime(b []byte, key string, t *Time) []byte {
	if t == nil {
		return append(append(b, key...), "null"...)
	}
	return appendTime(b, key, *t)
}

func appendList[T any](b []byte, key string, list []T, item func(*T, []byte) []byte) []byte {
	b = append(append(b, key...), '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(&list[i], b)
	}
	return append(b, ']')
}
