package api

// instanceV2 is Mastodon's entity Instance. Tusky reads usage, thumbnail.url,
// registrations and contact without a null check.
type instanceV2 struct {
	Domain        string         `json:"domain"`
	Title         string         `json:"title"`
	Version       string         `json:"version"`
	SourceURL     string         `json:"source_url"`
	Description   string         `json:"description"`
	Usage         usage          `json:"usage"`
	Thumbnail     thumbnail      `json:"thumbnail"`
	Icon          []struct{}     `json:"icon"` // always empty
	Languages     []string       `json:"languages"`
	Configuration configuration  `json:"configuration"`
	Registrations registrations  `json:"registrations"`
	APIVersions   map[string]int `json:"api_versions"`
	Contact       contact        `json:"contact"`
	Rules         []struct{}     `json:"rules"` // always empty
}

// instanceV1 is Mastodon's entity V1::Instance. toot reads all of it.
type instanceV1 struct {
	URI              string            `json:"uri"` // the domain, without a scheme
	Title            string            `json:"title"`
	ShortDescription string            `json:"short_description"`
	Description      string            `json:"description"`
	Email            string            `json:"email"`
	Version          string            `json:"version"`
	URLs             map[string]string `json:"urls"`
	Stats            instanceStats     `json:"stats"`
	Thumbnail        string            `json:"thumbnail"`
	Languages        []string          `json:"languages"`
	Registrations    bool              `json:"registrations"`
	ApprovalRequired bool              `json:"approval_required"`
	InvitesEnabled   bool              `json:"invites_enabled"`
	Configuration    configuration     `json:"configuration"`
	ContactAccount   *struct{}         `json:"contact_account"` // always null
	Rules            []struct{}        `json:"rules"`           // always empty
}

type instanceStats struct {
	Users    int `json:"user_count"`
	Statuses int `json:"status_count"`
	Domains  int `json:"domain_count"`
}

type usage struct {
	Users usageUsers `json:"users"`
}

type usageUsers struct {
	ActiveMonth int `json:"active_month"`
}

type thumbnail struct {
	URL string `json:"url"`
}

// registrations are closed: all its flags are false.
type registrations struct {
	Enabled          bool    `json:"enabled"`
	ApprovalRequired bool    `json:"approval_required"`
	ReasonRequired   bool    `json:"reason_required"`
	Message          *string `json:"message"`
	MinAge           *int    `json:"min_age"`
	URL              *string `json:"url"`
}

type contact struct {
	Email   string    `json:"email"`
	Account *struct{} `json:"account"` // always null
}

type configuration struct {
	URLs        urls            `json:"urls"`
	Vapid       vapid           `json:"vapid"`
	Accounts    accountLimits   `json:"accounts"`
	Statuses    statusLimits    `json:"statuses"`
	Media       mediaLimits     `json:"media_attachments"`
	Polls       pollLimits      `json:"polls"`
	Translation translation     `json:"translation"`
	Timelines   timelinesAccess `json:"timelines_access"`
	Limited     bool            `json:"limited_federation"`
}

// urls: streaming is an origin, ws or wss; clients add the path.
type urls struct {
	Streaming     string  `json:"streaming"`
	Status        *string `json:"status"`
	About         string  `json:"about"`
	PrivacyPolicy *string `json:"privacy_policy"`
	Terms         *string `json:"terms_of_service"`
}

// vapid: there are no push notifications, and no key.
type vapid struct {
	PublicKey string `json:"public_key"`
}

type accountLimits struct {
	NoteLength     int `json:"max_note_length"`
	FeaturedTags   int `json:"max_featured_tags"` // Tusky needs a number
	PinnedStatuses int `json:"max_pinned_statuses"`
	ProfileFields  int `json:"max_profile_fields"`
	FieldName      int `json:"profile_field_name_limit"`
	FieldValue     int `json:"profile_field_value_limit"`
}

type statusLimits struct {
	Characters int `json:"max_characters"`
	Media      int `json:"max_media_attachments"`
	PerURL     int `json:"characters_reserved_per_url"`
}

// mediaLimits: sizes in bytes, matrices in pixels.
type mediaLimits struct {
	Description    int      `json:"description_limit"`
	ImageMatrix    int      `json:"image_matrix_limit"`
	ImageSize      int      `json:"image_size_limit"`
	Types          []string `json:"supported_mime_types"`
	VideoFrameRate int      `json:"video_frame_rate_limit"`
	VideoMatrix    int      `json:"video_matrix_limit"`
	VideoSize      int      `json:"video_size_limit"`
}

// pollLimits: expirations in seconds.
type pollLimits struct {
	Options       int `json:"max_options"`
	Characters    int `json:"max_characters_per_option"`
	MinExpiration int `json:"min_expiration"`
	MaxExpiration int `json:"max_expiration"`
}

type translation struct {
	Enabled bool `json:"enabled"`
}

type timelinesAccess struct {
	Live    timelineAccess `json:"live_feeds"`
	Hashtag timelineAccess `json:"hashtag_feeds"`
	Link    timelineAccess `json:"trending_link_feeds"`
}

// timelineAccess is public, authenticated or disabled.
type timelineAccess struct {
	Local  string `json:"local"`
	Remote string `json:"remote"`
}
