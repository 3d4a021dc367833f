package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metrics are samples of Prometheus' text format, by name and labels as they are written.
type metrics map[string]float64

// metricsBytesMax bounds an answer; the relay's is some 40 KiB.
const metricsBytesMax = 4 << 20

// sum adds the series of a name that have the labels, written as the format does:
// `result="ok",via="lane"`, or a part of that.
func (m metrics) sum(name, labels string) float64 {
	total := 0.0
	for series, v := range m {
		if rest, ok := strings.CutPrefix(series, name); ok && (rest == "" || rest[0] == '{') && strings.Contains(rest, labels) {
			total += v
		}
	}
	return total
}

// has says that there is such a series.
func (m metrics) has(series string) bool {
	_, ok := m[series]
	return ok
}

// parseMetrics reads what of the format is needed here: samples, without timestamps.
func parseMetrics(r io.Reader) (metrics, error) {
	m := metrics{}
	lines := bufio.NewScanner(io.LimitReader(r, metricsBytesMax))
	for lines.Scan() {
		text := lines.Text()
		at := strings.LastIndexByte(text, ' ')
		if at < 0 || text[0] == '#' || strings.Contains(text, "_bucket{") {
			continue
		}
		if v, err := strconv.ParseFloat(text[at+1:], 64); err == nil {
			m[text[:at]] = v
		}
	}
	return m, lines.Err()
}

// fetchMetrics asks the relay's debug listener.
func fetchMetrics(ctx context.Context, client *http.Client, url string) (metrics, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("demo: metrics: %w", err)
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("demo: metrics: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("demo: metrics: status %d", answer.StatusCode)
	}
	return parseMetrics(answer.Body)
}
