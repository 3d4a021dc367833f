package broker

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"golang.org/x/time/rate"
)

// logger takes kfake's lines. A full disk makes one per request: after the first few,
// one a second stands for all of them.
type logger struct {
	log  *slog.Logger
	some *rate.Sometimes
}

func newLogger(log *slog.Logger) *logger {
	return &logger{log: log, some: &rate.Sometimes{First: 20, Interval: time.Second}}
}

func (l *logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if level != kfake.LogLevelError && level != kfake.LogLevelWarn {
		return // what clients do
	}
	l.some.Do(func() { l.log.Error("kfake: " + fmt.Sprintf(format, args...)) })
}
