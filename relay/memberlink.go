package relay

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"tributary/relay/delivery"
)

// MemberPath is where the admin of a subscribed server sets what it gets.
const MemberPath = "/relay/member"

// ErrLink marks a link that is not ours, or not any more.
var ErrLink = errors.New("the link is not valid, or not any more")

// links signs what opens the page of one member until a time. The key comes from
// the actor's own, so that nothing more is to be kept: a link ends with that key.
type links struct{ key []byte }

func newLinks(actor *rsa.PrivateKey) (links, error) {
	key, err := hkdf.Key(sha256.New, x509.MarshalPKCS1PrivateKey(actor), nil, "tributary: links of members", sha256.Size)
	if err != nil {
		return links{}, fmt.Errorf("relay: key of links: %w", err)
	}
	return links{key}, nil
}

func (l links) sum(actor string, until int64) []byte {
	mac := hmac.New(sha256.New, l.key)
	_ = binary.Write(mac, binary.BigEndian, until) // never fails
	mac.Write([]byte(actor))
	return mac.Sum(nil)
}

var linkText = base64.RawURLEncoding

// token is 8 bytes of time, 32 of signature, then the actor.
func (l links) token(actor string, until time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	b = append(b, l.sum(actor, until.Unix())...)
	return linkText.EncodeToString(append(b, actor...))
}

func (l links) open(token string, now time.Time) (actor string, err error) {
	if len(token) > 4*maxURIBytes {
		return "", ErrLink
	}
	b, err := linkText.DecodeString(token)
	const head = 8 + sha256.Size
	if err != nil || len(b) <= head {
		return "", ErrLink
	}
	until := int64(binary.BigEndian.Uint64(b))
	actor = string(b[head:])
	if !hmac.Equal(b[8:head], l.sum(actor, until)) || now.Unix() > until {
		return "", ErrLink
	}
	return actor, nil
}

// MemberLink is an address where whoever has it sets the filter of a subscription, for
// as long as it is valid.
func (r *Relay) MemberLink(actor string, topic delivery.Topic, valid time.Duration) (string, error) {
	if _, ok := r.subscriptions.Topic(actor, topic); !ok {
		return "", fmt.Errorf("relay: link for %s: %w", actor, ErrNotSubscribed)
	}
	who := strings.TrimSpace(actor + " " + topic.String()) // no URI holds a space
	return r.community.base + MemberPath + "?token=" + url.QueryEscape(r.links.token(who, time.Now().Add(valid))), nil
}

// Member returns the subscription that a link's token opens, or ErrLink.
func (r *Relay) Member(token string) (Subscriber, error) {
	who, err := r.links.open(strings.TrimSpace(token), time.Now())
	if err != nil {
		return Subscriber{}, err
	}
	actor, name, _ := strings.Cut(who, " ")
	topic, err := delivery.ParseTopic(name)
	sub, ok := r.subscriptions.Topic(actor, topic)
	if err != nil || !ok {
		return Subscriber{}, ErrLink
	}
	return sub, nil
}
