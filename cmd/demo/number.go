package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// perSecond is a rate in at most five cells.
func perSecond(r float64) string {
	switch {
	case r < 9.95:
		return strconv.FormatFloat(r, 'f', 1, 64)
	case r < 9999.5:
		return strconv.FormatFloat(r, 'f', 0, 64)
	}
	return strconv.FormatFloat(r/1000, 'f', 0, 64) + "k"
}

// count is a number with its thousands apart.
func count(n float64) string {
	digits := strconv.FormatFloat(n, 'f', 0, 64)
	if n >= 1e9 {
		return strconv.FormatFloat(n/1e6, 'f', 0, 64) + "M"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// clock is a length of time as 0:42 or 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// short is a length of time in its largest unit.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

func memory(n float64) string { return fmt.Sprintf("%.0f MiB", n/(1<<20)) }

// plural is "1 server", "2 servers".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

var bars = []rune("▁▂▃▄▅▆▇█")

// spark draws the newest values, as many as there are cells, the highest as a full bar.
func spark(values []float64, cells int) string {
	values = values[max(0, len(values)-cells):]
	if len(values) == 0 {
		return strings.Repeat(" ", max(0, cells))
	}
	top := max(slices.Max(values), 1)
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", cells-len(values)))
	for _, v := range values {
		b.WriteRune(bars[min(int(max(v, 0)/top*float64(len(bars))), len(bars)-1)])
	}
	return b.String()
}
