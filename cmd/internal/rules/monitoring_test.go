package rules

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var metricName = regexp.MustCompile(`\btributary_[a-z_]+\b`)

// The dashboard and the alert rules speak of metrics that there are.
func TestMonitoringKnowsItsMetrics(t *testing.T) {
	known := definedMetrics(t)
	for _, file := range []string{"dashboard.json", "alerts.yml"} {
		text, err := os.ReadFile(filepath.Join(root, "deploy", "monitoring", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range metricName.FindAllString(string(text), -1) {
			if base := strings.TrimSuffix(name, "_bucket"); !known[name] && !known[base] {
				t.Errorf("deploy/monitoring/%s: there is no metric %s", file, name)
			}
		}
	}
}

// definedMetrics are the names that stand in the sources, whole or as the prefix and the rest of one.
func definedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	known, prefixes, rests := map[string]bool{}, map[string]bool{}, map[string]bool{}
	prefix := regexp.MustCompile(`"(tributary_[a-z]+_)" \+ name`)
	rest := regexp.MustCompile(`\b(?:counter|gauge|histogram|vector)\("([a-z_]+)"`)
	for _, f := range tree(t) {
		if f.test {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range metricName.FindAllString(string(text), -1) {
			known[name] = true
		}
		for _, m := range prefix.FindAllStringSubmatch(string(text), -1) {
			prefixes[m[1]] = true
		}
		for _, m := range rest.FindAllStringSubmatch(string(text), -1) {
			rests[m[1]] = true
		}
	}
	for p := range prefixes {
		for r := range rests {
			known[p+r] = true
		}
	}
	return known
}

// What a monitoring server reads is well formed.
func TestMonitoringIsWellFormed(t *testing.T) {
	dir := filepath.Join(root, "deploy", "monitoring")
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var dashboard struct {
		Title  string
		Panels []struct {
			ID      int
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read("dashboard.json"), &dashboard); err != nil || dashboard.Title == "" {
		t.Errorf("dashboard: %v", err)
	}
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("dashboard: panel %d", p.ID)
		}
		ids[p.ID] = true
	}
	var alerts struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(read("alerts.yml"), &alerts); err != nil || len(alerts.Groups) == 0 {
		t.Fatalf("alerts: %v", err)
	}
	for _, r := range alerts.Groups[0].Rules {
		if r.Alert == "" || r.Expr == "" || r.Annotations["summary"] == "" {
			t.Errorf("alert %+v", r)
		}
	}
}
