package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"tributary/ingest/folder"
)

// actionTimeout bounds an action: a block reads through all authors.
const actionTimeout = time.Minute

// Client asks the relay that runs with a data directory. Its methods are those
// of Service; an error of theirs is an *Error, or ErrNotRunning.
type Client struct {
	path string
	http *http.Client
}

// Dial returns a client. It connects at the first action.
func Dial(data string) *Client {
	path := SocketPath(data)
	return &Client{path: path, http: &http.Client{
		Timeout: actionTimeout,
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return folder.Dial(ctx, path) },
			DisableKeepAlives: true, // one command, one action
		},
	}}
}

// CreateToken makes a token.
func (c *Client) CreateToken(ctx context.Context, r TokenRequest) (created CreatedToken, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/tokens", nil, r, &created)
	return created, err
}

// ListTokens lists all tokens.
func (c *Client) ListTokens(ctx context.Context) (list []Token, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/tokens", nil, nil, &list)
	return list, err
}

// RevokeToken ends a token by its id.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/v1/tokens", url.Values{"id": {id}}, nil, nil)
}

// Subscribers lists all subscriptions.
func (c *Client) Subscribers(ctx context.Context) (list []Subscriber, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/subscribers", nil, nil, &list)
	return list, err
}

// RemoveSubscriber ends the subscriptions of an actor or a host, or that to a topic.
func (c *Client) RemoveSubscriber(ctx context.Context, key, topic string) (removed []Subscriber, err error) {
	err = c.do(ctx, http.MethodDelete, "/v1/subscribers", url.Values{"key": {key}, "topic": {topic}}, nil, &removed)
	return removed, err
}

// ChangeSubscriber approves, rejects, or gives another role.
func (c *Client) ChangeSubscriber(ctx context.Context, r SubscriberChange) (changed []Subscriber, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/subscribers", nil, r, &changed)
	return changed, err
}

// Replay has a server sent again what it has had.
func (c *Client) Replay(ctx context.Context, r ReplayRequest) (result Replayed, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/subscribers/replay", nil, r, &result)
	return result, err
}

// Sources lists what gives the relay posts.
func (c *Client) Sources(ctx context.Context, r SourcesRequest) (page SourcesPage, err error) {
	query := url.Values{"sort": {r.Sort}, "host": {r.Host}, "limit": {strconv.Itoa(r.Limit)}, "offset": {strconv.Itoa(r.Offset)}}
	err = c.do(ctx, http.MethodGet, "/v1/sources", query, nil, &page)
	return page, err
}

// Links makes the links of an actor's or a host's members, or that of a topic.
func (c *Client) Links(ctx context.Context, key, topic string) (list []Link, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/subscribers/links", url.Values{"key": {key}, "topic": {topic}}, nil, &list)
	return list, err
}

// ListQuarantine lists the servers that are left out.
func (c *Client) ListQuarantine(ctx context.Context) (list []Quarantined, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/quarantine", nil, nil, &list)
	return list, err
}

// Release lets a server in again.
func (c *Client) Release(ctx context.Context, host string) error {
	return c.do(ctx, http.MethodDelete, "/v1/quarantine", url.Values{"host": {host}}, nil, nil)
}

// ListLimits lists the limits of single servers.
func (c *Client) ListLimits(ctx context.Context) (list []Limit, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/limits", nil, nil, &list)
	return list, err
}

// SetLimit limits a domain.
func (c *Client) SetLimit(ctx context.Context, l Limit) (set Limit, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/limits", nil, l, &set)
	return set, err
}

// RemoveLimit ends the limit of a domain.
func (c *Client) RemoveLimit(ctx context.Context, domain string) error {
	return c.do(ctx, http.MethodDelete, "/v1/limits", url.Values{"domain": {domain}}, nil, nil)
}

// ListAllowed lists the allowed domains.
func (c *Client) ListAllowed(ctx context.Context) (list []Allowed, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/allowed", nil, nil, &list)
	return list, err
}

// Allow adds a domain to the allow-list.
func (c *Client) Allow(ctx context.Context, r Allowed) (added Allowed, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/allowed", nil, r, &added)
	return added, err
}

// Disallow takes a domain from the allow-list.
func (c *Client) Disallow(ctx context.Context, domain string) error {
	return c.do(ctx, http.MethodDelete, "/v1/allowed", url.Values{"domain": {domain}}, nil, nil)
}

// Blocks lists all blocks.
func (c *Client) Blocks(ctx context.Context) (list []Block, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/blocks", nil, nil, &list)
	return list, err
}

// AddBlock refuses a domain or an actor.
func (c *Client) AddBlock(ctx context.Context, r BlockRequest) (result BlockResult, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/blocks", nil, r, &result)
	return result, err
}

// RemoveBlock lets a domain, an actor or a software in again.
func (c *Client) RemoveBlock(ctx context.Context, scope, key string) error {
	return c.do(ctx, http.MethodDelete, "/v1/blocks", url.Values{"scope": {scope}, "key": {key}}, nil, nil)
}

// ImportBlocks refuses the domains of a list.
func (c *Client) ImportBlocks(ctx context.Context, r BlockListRequest, list io.Reader) (result BlockListResult, err error) {
	query := url.Values{
		"reason": {r.Reason}, "note": {r.Note},
		"silenced": {strconv.FormatBool(r.Silenced)}, "dry_run": {strconv.FormatBool(r.DryRun)},
	}
	err = c.send(ctx, http.MethodPost, "/v1/blocks/import", query, list, &result)
	return result, err
}

// Lists lists the subscriptions to block-lists.
func (c *Client) Lists(ctx context.Context) (list []ListSubscription, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/blocks/lists", nil, nil, &list)
	return list, err
}

// SubscribeList subscribes to a block-list.
func (c *Client) SubscribeList(ctx context.Context, r ListRequest) (result ListResult, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/blocks/lists", nil, r, &result)
	return result, err
}

// RefreshList fetches a block-list now.
func (c *Client) RefreshList(ctx context.Context, r ListRequest) (result ListResult, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/blocks/lists/refresh", nil, r, &result)
	return result, err
}

// UnsubscribeList ends a subscription to a block-list.
func (c *Client) UnsubscribeList(ctx context.Context, address string, keep bool) (result ListResult, err error) {
	err = c.do(ctx, http.MethodDelete, "/v1/blocks/lists", url.Values{"url": {address}, "keep": {strconv.FormatBool(keep)}}, nil, &result)
	return result, err
}

// Stats reads the figures.
func (c *Client) Stats(ctx context.Context) (stats Stats, err error) {
	err = c.do(ctx, http.MethodGet, "/v1/stats", nil, nil, &stats)
	return stats, err
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("admin: encoding the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	return c.send(ctx, method, path, query, body, out)
}

func (c *Client) send(ctx context.Context, method, path string, query url.Values, body io.Reader, out any) error {
	// The host is of no account on a socket, but a request needs one.
	r, err := http.NewRequestWithContext(ctx, method, "http://admin"+path+"?"+query.Encode(), body)
	if err != nil {
		return fmt.Errorf("admin: asking the relay: %w", err)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return c.explain(err)
	}
	defer resp.Body.Close()
	return decode(resp, out)
}

// explain tells a relay that does not run from other trouble.
func (c *Client) explain(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w with this data directory: nothing answers on %s (choose another with --data)", ErrNotRunning, c.path)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("admin: %s belongs to another user: run this as the one that runs the relay: %w", c.path, err)
	}
	return fmt.Errorf("admin: asking the relay: %w", err)
}

func decode(resp *http.Response, out any) error {
	if resp.StatusCode != http.StatusOK {
		var problem struct {
			Error string `json:"error"`
		}
		if json.NewDecoder(resp.Body).Decode(&problem) != nil || problem.Error == "" {
			problem.Error = "the relay answered " + resp.Status
		}
		return &Error{Status: resp.StatusCode, Message: problem.Error}
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("admin: reading the answer: %w", err)
	}
	return nil
}
