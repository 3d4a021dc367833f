package language

import "slices"

const (
	// Letters needed: where the script decides, and where the model does.
	minScript = 3
	minModel  = 8

	// cjkWeight: one character of Han, kana or Hangul says as much as two letters.
	cjkWeight = 2

	// A text of which less is in its main script (in percent) is in no one language.
	// Latin counts half beside another script: it is names of products as a rule.
	minShare = 70

	// minMargin is how much dearer the second language must be, and rarePenalty what
	// a rare one pays, in nats/64.
	minMargin   = 2.5 * 64
	rarePenalty = 3 * 64
)

// Of is what a post declares, else what its text looks like (Detect), else "".
func Of(declared, text string) string {
	if declared != "" {
		return declared
	}
	guessed, _ := Detect(text)
	return guessed
}

// Detect returns the language of a post's plain text as an ISO 639-1 code in lower
// case, and false if the text is too short, in a language not listed in scripts.go,
// or not clearly in one. It may be called from many goroutines.
func Detect(text string) (code string, ok bool) {
	list := words(text)
	weights, total := weigh(list)
	hans, kanas := weights[scriptHan]/cjkWeight, weights[scriptKana]/cjkWeight
	weights[scriptHan] += weights[scriptKana] // one writing, two languages
	weights[scriptKana] = 0
	main := 0
	for i, n := range weights {
		if n > weights[main] {
			main = i
		}
	}
	if main != scriptLatin {
		total -= weights[scriptLatin] / 2
	}
	switch s := &scripts[main]; {
	case weights[main] < minScript, weights[main]*100 < minShare*total:
	case main == scriptHan:
		code = cjk(list, hans, kanas)
	case len(s.languages) == 1:
		code = s.languages[0]
	default:
		code = byModel(list, main)
	}
	return code, code != ""
}

// weigh returns how much text there is in each script, and in all.
func weigh(list [][]rune) (weights [32]int, total int) {
	for _, w := range list {
		for _, r := range w {
			n, s := 1, scriptOf(r)
			if s >= scriptHan && s <= scriptHangul {
				n = cjkWeight
			}
			if s >= 0 {
				weights[s] += n
			}
			total += n
		}
	}
	return weights, total
}

// byModel returns the language of the words of a script, or "".
func byModel(list [][]rune, in int) string {
	s := &scripts[in]
	all := (uint64(1)<<len(s.languages) - 1) << s.first
	total, letters := priors, int32(0)
	for _, w := range list {
		if scriptOf(w[0]) == in {
			total.word(w, all)
			letters += int32(len(w))
		}
	}
	code, cost, margin := cheapest(s.languages, total[s.first:])
	if letters < minModel || margin < minMargin || cost > s.limit*letters {
		return ""
	}
	return code
}

// cheapest returns the language that costs least, and how much more the next costs.
func cheapest(languages []string, costs []int32) (code string, cost, margin int32) {
	const none = 1 << 30
	cost, second := int32(none), int32(none)
	for i, l := range languages {
		switch c := costs[i]; {
		case c < cost:
			if l != code {
				second = cost
			}
			code, cost = l, c
		case c < second && l != code:
			second = c
		}
	}
	return code, cost, second - cost
}

var priors = func() (c costs) {
	for _, s := range scripts {
		for i, l := range s.languages {
			if slices.Contains(rare, l) {
				c[s.first+i] = rarePenalty
			}
		}
	}
	return c
}()
