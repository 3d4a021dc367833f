package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tributary": main})
}

// The scripts run the program as people do.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// Every command says what it does, and shows how.
func TestHelp(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "help" || cmd.Name() == "completion" || cmd.Hidden {
			return
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: short help %q", cmd.CommandPath(), cmd.Short)
		}
		if !strings.HasPrefix(cmd.Example, "  ") || !strings.Contains(cmd.Example, "tributary ") {
			t.Errorf("%s: example %q", cmd.CommandPath(), cmd.Example)
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	root := newRoot()
	root.InitDefaultCompletionCmd()
	walk(root)
}

func TestReport(t *testing.T) {
	var b strings.Builder
	report(&b, errors.Join(errors.New("one"), errors.New("two")))
	if b.String() != "tributary: one\ntributary: two\n" {
		t.Errorf("got %q", b.String())
	}
}
