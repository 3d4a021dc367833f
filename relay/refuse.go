package relay

import (
	"fmt"
	"net/http"
	"strconv"

	"tributary/ingest"
)

// The reasons for which this package refuses a request or accepts it without
// passing it on. With those of signature.Reason and of admission they are the
// closed set of the metric's label.
const (
	reasonMethod        = "method"
	reasonHost          = "wrong_host"
	reasonContentType   = "content_type"
	reasonTooLarge      = "too_large"
	reasonBodyTimeout   = "body_timeout"
	reasonBodyBroken    = "body_broken"
	reasonBusy          = "busy"
	reasonHostBusy      = "host_busy"
	reasonDocument      = "bad_document"
	reasonBlocked       = "blocked"
	reasonLocal         = "local_actor"
	reasonKeyHost       = "key_host_unreachable"
	reasonKeyNotFound   = "key_not_found"
	reasonKeyGone       = "key_gone"
	reasonKeyMismatch   = "key_mismatch"
	reasonKeyRefused    = "key_refused"
	reasonKeyUnusable   = "key_unusable"
	reasonForged        = "forged_actor"
	reasonFollowActor   = "follow_of_actor"
	reasonFollowObject  = "follow_of_other"
	reasonFollowID      = "follow_without_id"
	reasonInboxOrigin   = "inbox_origin"
	reasonSubscriptions = "too_many_subscriptions"
	reasonNotYours      = "not_your_subscription"
	reasonUnavailable   = "unavailable"
	reasonQuarantine    = "quarantine"
	reasonBodyMax       = "body_max"
	reasonTopic         = "no_such_topic"

	verdictReplay       = "replay"
	verdictGoneUnknown  = "gone_unknown"
	verdictGone         = "gone"
	verdictSubscribed   = "subscribed"
	verdictUnsubscribed = "unsubscribed"
	verdictPending      = "pending"
	verdictRejected     = "rejected"
	verdictAnswered     = "answered"
	verdictBlockedUs    = "blocked_us"
	verdictUnblockedUs  = "unblocked_us"
	verdictNothing      = "nothing_to_do"
)

func refuse(status int, reason, format string, args ...any) *ingest.Refusal {
	return &ingest.Refusal{Status: status, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// because adds the operator's chain.
func because(r *ingest.Refusal, err error) *ingest.Refusal {
	r.Err = err
	return r
}

// unavailable is what our own trouble looks like to a sender: try again.
func unavailable(err error) *ingest.Refusal {
	return because(refuse(http.StatusServiceUnavailable, reasonUnavailable,
		"the relay cannot take this now; send it again later"), err)
}

func busy(reason, message string) *ingest.Refusal {
	return refuse(http.StatusServiceUnavailable, reason, "%s", message)
}

// retryAfter is the Retry-After of a 503 or 429 in seconds: short where only a slot
// was missing, longer where another server must come back first.
func retryAfter(reason string) string {
	switch reason {
	case reasonBusy, reasonHostBusy:
		return "5"
	case reasonKeyHost:
		return "60"
	case reasonQuarantine:
		return strconv.Itoa(int(quarantineFor.Seconds()))
	}
	return "30"
}
