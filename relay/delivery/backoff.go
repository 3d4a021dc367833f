package delivery

import (
	"math/rand/v2"
	"time"
)

// backoffMin and backoffMax bound the pause after a failure that judges a server.
const (
	backoffMin = time.Second
	backoffMax = 10 * time.Minute
)

// backoff is the pause after the nth failure in a row: 1–2 s, 2–4 s, 4–8 s … 5–10
// min. The jitter is half of it, so that servers that failed together (a
// network of ours that broke) are not asked together for ever.
func backoff(n int) time.Duration {
	top := backoffMax
	if n < 10 { // 2 s << 9 is above backoffMax
		top = min(backoffMax, 2*backoffMin<<max(0, n-1))
	}
	return top/2 + rand.N(top/2)
}
