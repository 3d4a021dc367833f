package status

// Status is a post: https://docs.joinmastodon.org/entities/Status/. Pointers are
// the fields that may be null; lists are never nil.
type Status struct {
	ID                 ID        `json:"id"`
	CreatedAt          Time      `json:"created_at"`
	InReplyToID        *ID       `json:"in_reply_to_id"`
	InReplyToAccountID *ID       `json:"in_reply_to_account_id"`
	Sensitive          bool      `json:"sensitive"`
	SpoilerText        string    `json:"spoiler_text"`
	Visibility         string    `json:"visibility"`
	Language           *string   `json:"language"`
	URI                string    `json:"uri"`
	URL                string    `json:"url"`
	RepliesCount       int       `json:"replies_count"`
	ReblogsCount       int       `json:"reblogs_count"`
	FavouritesCount    int       `json:"favourites_count"`
	QuotesCount        int       `json:"quotes_count"`
	EditedAt           *Time     `json:"edited_at"`
	Content            string    `json:"content"`
	Reblog             *Status   `json:"reblog"`
	Application        *struct{} `json:"application"` // always null: not federated
	Account            Account   `json:"account"`
	MediaAttachments   []Media   `json:"media_attachments"`
	Mentions           []Mention `json:"mentions"`
	Tags               []Tag     `json:"tags"`
	Emojis             []Emoji   `json:"emojis"`
	Quote              *struct{} `json:"quote"` // always null: needs the quoted post
	Card               *struct{} `json:"card"`  // always null: pages are not fetched
	Poll               *Poll     `json:"poll"`
}

// Account is an author: https://docs.joinmastodon.org/entities/Account/.
type Account struct {
	ID             ID      `json:"id"`
	Username       string  `json:"username"`
	Acct           string  `json:"acct"` // username@domain
	DisplayName    string  `json:"display_name"`
	Locked         bool    `json:"locked"`
	Bot            bool    `json:"bot"`
	Discoverable   bool    `json:"discoverable"`
	Indexable      bool    `json:"indexable"`
	Group          bool    `json:"group"`
	CreatedAt      Time    `json:"created_at"`
	Note           string  `json:"note"`
	URL            string  `json:"url"`
	URI            string  `json:"uri"`
	Avatar         string  `json:"avatar"`
	AvatarStatic   string  `json:"avatar_static"`
	Header         string  `json:"header"`
	HeaderStatic   string  `json:"header_static"`
	FollowersCount int     `json:"followers_count"`
	FollowingCount int     `json:"following_count"`
	StatusesCount  int     `json:"statuses_count"`
	LastStatusAt   *string `json:"last_status_at"` // YYYY-MM-DD
	Emojis         []Emoji `json:"emojis"`
	Fields         []Field `json:"fields"`
	Suspended      bool    `json:"suspended,omitempty"`
	Memorial       bool    `json:"memorial,omitempty"`
}

// Field is a row of a profile.
type Field struct {
	Name       string `json:"name"`
	Value      string `json:"value"`
	VerifiedAt *Time  `json:"verified_at"` // always null: links are not checked
}

// Media is an attachment: https://docs.joinmastodon.org/entities/MediaAttachment/.
type Media struct {
	ID          ID        `json:"id"`
	Type        string    `json:"type"`
	URL         string    `json:"url"`
	PreviewURL  string    `json:"preview_url"` // of the media itself: no previews are made here
	RemoteURL   string    `json:"remote_url"`
	Meta        MediaMeta `json:"meta"`
	Description *string   `json:"description"`
	Blurhash    *string   `json:"blurhash"`
}

// MediaMeta is what is known of an attachment's picture.
type MediaMeta struct {
	Original *Size  `json:"original,omitempty"`
	Small    *Size  `json:"small,omitempty"` // of the preview, hence as Original
	Focus    *Focus `json:"focus,omitempty"`
}

// Size is measured in pixels.
type Size struct {
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Size   string  `json:"size"` // "640x480"
	Aspect float64 `json:"aspect"`
}

// Focus is the point of a picture that must stay visible, −1 … 1.
type Focus struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Mention is a mentioned actor.
type Mention struct {
	ID       ID     `json:"id"`
	Username string `json:"username"`
	URL      string `json:"url"`
	Acct     string `json:"acct"`
}

// Tag is a hashtag.
type Tag struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Emoji is a custom emoji: https://docs.joinmastodon.org/entities/CustomEmoji/.
type Emoji struct {
	Shortcode       string  `json:"shortcode"`
	URL             string  `json:"url"`
	StaticURL       string  `json:"static_url"`
	VisibleInPicker bool    `json:"visible_in_picker"`
	Category        *string `json:"category"` // always null: not federated
}

// Poll is a question: https://docs.joinmastodon.org/entities/Poll/.
type Poll struct {
	ID          ID           `json:"id"` // the status's
	ExpiresAt   *Time        `json:"expires_at"`
	Expired     bool         `json:"expired"`
	Multiple    bool         `json:"multiple"`
	VotesCount  int          `json:"votes_count"`
	VotersCount *int         `json:"voters_count"`
	Options     []PollOption `json:"options"`
	Emojis      []Emoji      `json:"emojis"` // the status's
}

// PollOption is an answer.
type PollOption struct {
	Title      string `json:"title"`
	VotesCount int    `json:"votes_count"`
}
