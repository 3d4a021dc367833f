package delivery

import (
	"fmt"
	"time"
)

// Config is what an operator may say about deliveries. The zero value works;
// negative values are refused.
type Config struct {
	// Window is how many requests of one lane are in flight at most. Default 8.
	Window int
	// Lookahead is how many records a lane holds that are not settled. Default 4 × Window.
	Lookahead int
	// ExtraMax bounds the requests in flight beyond the first of each lane, of all
	// lanes together. Default 512. See slots.go for who gets them.
	ExtraMax int
	// Timeout is how long one server may take, from the dial to the head of its
	// answer. Waiting for a signature does not count. Default 10 s.
	Timeout time.Duration
	// SaveEvery is the time between two writes of the lanes' positions. Default 1 s.
	// A crash repeats what was delivered since the last one.
	SaveEvery time.Duration

	// CatchUpAfter is the age from which a record counts as old: its lane is
	// catching up. Default 1 min.
	CatchUpAfter time.Duration
	// CatchUpPerSecond is how many old records a lane sends per second at most.
	// Default 100. It must be above the rate of the log, or a lane that is behind
	// stays behind.
	CatchUpPerSecond int
	// MaxAge lets lanes skip posts that entered the log longer ago. Updates and
	// Deletes are never skipped. Default 0: nothing is.
	MaxAge time.Duration

	// StaleAfter is how long an inbox takes nothing until its lane is stale (silence.go):
	// reported, and tried on. 0: never.
	StaleAfter time.Duration
	// PauseAfter is how long it takes nothing until it is not tried any more. 0: never.
	PauseAfter time.Duration

	// FullSignatures names the host in every signature, so that each delivery costs one.
	// Default false: servers that are known to take it get one that is shared.
	FullSignatures bool

	// OutboxMax is how many hosts the outbox talks to at once. Default 64.
	OutboxMax int
	// OutboxKeep is how long a row of the outbox is tried. Default 7 days.
	OutboxKeep time.Duration

	// Drain is how long requests in flight may go on after Run was told to end.
	// Default 5 s.
	Drain time.Duration
}

func (c *Config) applyDefaults() {
	orDefault(&c.Window, 8)
	orDefault(&c.Lookahead, 4*c.Window)
	orDefault(&c.ExtraMax, 512)
	orDefault(&c.Timeout, 10*time.Second)
	orDefault(&c.SaveEvery, time.Second)
	orDefault(&c.CatchUpAfter, time.Minute)
	orDefault(&c.CatchUpPerSecond, 100)
	orDefault(&c.OutboxMax, 64)
	orDefault(&c.OutboxKeep, 7*24*time.Hour)
	orDefault(&c.Drain, 5*time.Second)
}

func (c *Config) validate() error {
	for name, n := range map[string]int{
		"window": c.Window, "lookahead": c.Lookahead, "extra_max": c.ExtraMax,
		"catch_up_per_second": c.CatchUpPerSecond, "outbox_max": c.OutboxMax,
	} {
		if n < 0 {
			return fmt.Errorf("delivery: %s is %d: must not be negative", name, n)
		}
	}
	for name, d := range map[string]time.Duration{
		"timeout": c.Timeout, "save_every": c.SaveEvery, "catch_up_after": c.CatchUpAfter,
		"max_age": c.MaxAge, "stale_after": c.StaleAfter, "pause_after": c.PauseAfter, "outbox_keep": c.OutboxKeep, "drain": c.Drain,
	} {
		if d < 0 {
			return fmt.Errorf("delivery: %s is %v: must not be negative", name, d)
		}
	}
	if c.PauseAfter > 0 && c.PauseAfter < c.StaleAfter {
		return fmt.Errorf("delivery: pause_after is %v: must not be less than stale_after, which is %v", c.PauseAfter, c.StaleAfter)
	}
	return nil
}

func orDefault[T int | time.Duration](v *T, fallback T) {
	if *v == 0 {
		*v = fallback
	}
}
