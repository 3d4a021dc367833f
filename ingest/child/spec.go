package child

import (
	"errors"
	"log/slog"
	"net"
	"time"
)

// Spec says what to run and how.
type Spec struct {
	// Name is the child's name in logs and the label in metrics: one of a few
	// constants ("broker", "engine").
	Name string
	// Args are the arguments of our own binary, without its name.
	Args []string
	// Env is the child's whole environment ("KEY=value"). Nothing is inherited.
	Env []string
	// Log gets the child's lines and what happens to it. Required.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics *Metrics
	// Talk, if there is one, is called in each life with our end of a pair of sockets; the child finds the other
	// end as TalkFD. It returns nil when the child has closed its end, as happens when it ends, and an error when
	// the child is not worth talking to. The child is killed then.
	Talk func(conn net.Conn) error
	// StopBudget is how long a child may take to end before it is killed.
	// Default 10 s.
	StopBudget time.Duration
}

// TalkFD is the child's end of Spec.Talk's sockets, which carry messages and are in blocking mode.
const TalkFD = 3

// LineMax is the longest line of a child that is logged, in bytes; the rest of a
// longer one is cut and counted in the log line.
const LineMax = 8 << 10

func (s *Spec) applyDefaults() {
	if s.StopBudget == 0 {
		s.StopBudget = 10 * time.Second
	}
}

func (s *Spec) validate() error {
	switch {
	case s.Name == "":
		return errors.New("child: spec without a name")
	case s.Log == nil:
		return errors.New("child: spec without a logger")
	case s.StopBudget < 0:
		return errors.New("child: negative stop budget")
	}
	return nil
}
