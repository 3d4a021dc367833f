package config

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size. In text it has a unit, KiB, MiB or GiB, or none.
type Bytes int64

var units = []struct {
	name string
	size Bytes
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

func parseBytes(text string) (Bytes, error) {
	for _, unit := range units {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > int64(1<<62/unit.size) {
			break
		}
		return Bytes(n) * unit.size, nil
	}
	return 0, fmt.Errorf("%q is not a size such as 512MiB or 2GiB", text)
}

func (b Bytes) String() string {
	for _, unit := range units {
		if b != 0 && b%unit.size == 0 && unit.name != "B" {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return "0"
}

const day = 24 * time.Hour

// parseDuration also knows whole days, "7d".
func parseDuration(text string) (time.Duration, error) {
	if number, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && n <= 100*365 {
			return time.Duration(n) * day, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a duration such as 10s, 5m, 12h or 7d", text)
}

func formatDuration(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if d%time.Hour == 0 && d != 0 {
		return strings.TrimSuffix(text, "0m0s")
	}
	if d%time.Minute == 0 && d != 0 {
		return strings.TrimSuffix(text, "0s")
	}
	return text
}

// parsePrefix also takes a single address.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr.WithZone(""), addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
	}
	return p.Masked(), nil
}

// setValue sets v from texts: one for a plain value, any number for a list.
func setValue(v reflect.Value, texts []string) error {
	if v.Kind() == reflect.Slice {
		list := reflect.MakeSlice(v.Type(), len(texts), len(texts))
		for i, text := range texts {
			if err := setOne(list.Index(i), text); err != nil {
				return err
			}
		}
		if len(texts) == 0 {
			list = reflect.Zero(v.Type())
		}
		v.Set(list)
		return nil
	}
	if len(texts) != 1 {
		return errors.New("is one value, not a list")
	}
	return setOne(v, texts[0])
}

func setOne(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
		return nil
	case *bool:
		b, ok := map[string]bool{"true": true, "1": true, "false": false, "0": false}[strings.ToLower(text)]
		if !ok {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = b
		return nil
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*p = n
		return nil
	case *time.Duration:
		return assign(p, text, parseDuration)
	case *Bytes:
		return assign(p, text, parseBytes)
	case *netip.Prefix:
		return assign(p, text, parsePrefix)
	}
	panic("config: no rule for a value of type " + v.Type().String()) // a field of a new type: TestFields finds it
}

func assign[T any](p *T, text string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err != nil {
		return err
	}
	*p = value
	return nil
}

// formatValue is the opposite of setValue.
func formatValue(v reflect.Value) []string {
	if v.Kind() == reflect.Slice {
		texts := make([]string, 0, v.Len())
		for i := range v.Len() {
			texts = append(texts, formatOne(v.Index(i)))
		}
		return texts
	}
	return []string{formatOne(v)}
}

func formatOne(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return formatDuration(d)
	}
	return fmt.Sprint(v.Interface())
}

// splitList reads the list of a variable or a default: commas, blanks around them do not count.
func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// Set and Type let a size be a flag.
func (b *Bytes) Set(text string) (err error) {
	*b, err = parseBytes(text)
	return err
}

// Type is what help calls it.
func (*Bytes) Type() string { return "size" }
