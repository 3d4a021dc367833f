package document

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		raw string
		ok  bool
	}{
		"plain":               {`{"a":[1,"x",null,true,{"b":2.5}]}`, true},
		"empty":               {`{}`, true},
		"space around":        {" {\"a\":1}\n", true},
		"surrogate pair":      {`{"a":"\ud83d\uDE00"}`, true},
		"escaped backslash":   {`{"a":"\\ud83d"}`, true},
		"member twice":        {`{"a":1,"a":1}`, false},
		"member twice inside": {`{"x":[{"a":1,"b":2,"a":3}]}`, false},
		"escaped twice":       {`{"a":1,"\u0061":2}`, false},
		"high surrogate":      {`{"a":"\ud83d"}`, false},
		"low surrogate":       {`{"a":"\ude00"}`, false},
		"two high ones":       {`{"a":"\ud83d\ud83d"}`, false},
		"split pair":          {`{"a":"\ud83d \ude00"}`, false},
		"not UTF-8":           {"{\"a\":\"\xff\"}", false},
		"two values":          {`{}{}`, false},
		"rest":                {`{} x`, false},
		"array":               {`[{}]`, false},
		"text":                {`"a"`, false},
		"nothing":             {``, false},
		"cut":                 {`{"a":`, false},
		"wrong bracket":       {`{"a":[}`, false},
		"number as a name":    {`{1:2}`, false},
		"huge number":         {`{"a":1e999}`, false},
		"too deep":            {strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), false},
		"too many":            {`{"a":[` + strings.Repeat("1,", maxNodes) + "1]}", false},
		"too large":           {`{"a":"` + strings.Repeat("x", MaxBytes) + `"}`, false},
	} {
		_, err := Read([]byte(c.raw))
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRead holds what is read to what encoding/json reads.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\ud83d\ude00",{"b":null}]}`, `{"a":1,"a":2}`, `{"a":"\ud83d"}`, `[`, `{"\\u":1e5}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := Read(raw)
		var want map[string]any
		other := json.Unmarshal(raw, &want)
		switch {
		case err == nil && other != nil:
			t.Errorf("read what encoding/json refuses: %v", other)
		case err == nil && !reflect.DeepEqual(got, want):
			t.Errorf("got %v, encoding/json %v", got, want)
		}
	})
}
