package delivery

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"tributary/ingest"
	"tributary/ingest/signature"
)

// lane serves one inbox: it reads the log from its own cursor and keeps a window
// of requests in flight. Two goroutines belong to it, run and read, and one per
// request in flight.
type lane struct {
	e     *Engine
	inbox string
	url   *url.URL
	host  *host
	share *share // that its host belongs to; set before run

	parts   atomic.Pointer[[]part]  // at least one, in order; the engine changes them when who subscribed does
	signing atomic.Pointer[Signing] // likewise
	target  string                  // of url, as signatures name it

	news   chan struct{} // wakes run: something may start
	hungry chan struct{} // wakes read: there may be room

	workers sync.WaitGroup // requests in flight

	mu        sync.Mutex // guards all below
	stopped   bool       // nothing starts any more
	work      window
	row       row    // what the table is to say; position is taken from work
	dirty     bool   // row has news that are not saved
	limit     int    // requests in flight that the server has earned, 1 … Window
	extras    int    // slots held
	lastBytes int    // size of a record, decaying average
	again     bool   // the reader must begin anew at the position
	through   uint64 // where the reader stands
	interrupt context.CancelFunc
	paceAt    time.Time // the next old record may start then
	behind    bool      // the last record started was old
	pace      minute    // posts that a filter let through
	missed    uint64
	vacant    vacancy
	meter     Meter     // of what was delivered
	readAt    time.Time // when the last record read entered the log
}

// spanMax bounds how many records a lane runs ahead of its oldest unsettled one: what a
// crash repeats.
const spanMax = 1024

// probeAhead is how many records a failing lane wants: the one that probes, and
// another. It reads probeRead at once, for most may be settled already.
const (
	probeAhead = 2
	probeRead  = 8
)

// letGoAfter is the number of failures in a row after which a lane lets its
// records go. Before that the pause is a few seconds.
const letGoAfter = 3

// recordBytesMax bounds the raw bytes that a lane means to hold.
const recordBytesMax = 512 << 10

// pollEvery bounds how old the position of a lane is that has nothing to send: its
// reader stands in Next, passing over what is not for lanes.
const pollEvery = 10 * time.Second

// retryRefused is the pause before a refused record gets its second chance.
const retryRefused = 5 * time.Second

func newLane(e *Engine, r row, u *url.URL) *lane {
	l := &lane{
		e: e, inbox: r.inbox, url: u, target: signature.Target(u), row: r, limit: 1, again: true,
		news: make(chan struct{}, 1), hungry: make(chan struct{}, 1),
	}
	if !r.silence.gone.IsZero() {
		l.vacant.misses = missesMax // a restart gives no more records up
	}
	l.work.next, l.through = r.position, max(r.position, 1)-1
	l.host = e.hosts.join(r.host, l)
	return l
}

// run serves the inbox until stop ends, then waits for the requests in flight.
// When abort ends they end too.
func (l *lane) run(stop, abort context.Context) {
	defer l.e.hosts.leave(l.host, l)
	var reading sync.WaitGroup
	reading.Go(func() { l.read(stop, abort) })
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for stop.Err() == nil {
		wait := time.Hour
		if at := l.pump(abort); !at.IsZero() {
			wait = max(0, time.Until(at))
		}
		timer.Reset(wait)
		select {
		case <-stop.Done():
		case <-l.news:
		case <-timer.C:
		}
	}
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	reading.Wait()
	l.workers.Wait()
}

// wake makes run look again. It never blocks.
func (l *lane) wake() { signal(l.news) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read brings records into the window, as many as it has room for.
func (l *lane) read(stop, abort context.Context) {
	var r reader
	poll, cancel := context.WithTimeout(stop, pollEvery)
	defer func() { cancel() }()
	room := time.NewTimer(time.Hour) // full's
	defer room.Stop()
	for stop.Err() == nil {
		if poll.Err() != nil {
			cancel()
			poll, cancel = context.WithTimeout(stop, pollEvery)
		}
		limit, cursor, again := l.wants(time.Now(), cancel)
		if limit == 0 {
			l.full(stop, room)
			continue
		}
		if again {
			r = l.e.log.reader(cursor)
		}
		batch, err := r.Next(poll, limit)
		if err != nil && poll.Err() == nil {
			if l.e.logClosed(err) {
				return
			}
			l.e.logger.Warn("a lane cannot read the log, trying again", "inbox", l.inbox, "err", err)
			pause(stop, time.Second)
			continue
		}
		if l.took(batch, r.Position()) {
			l.pumpAndWake(abort)
		}
	}
}

// full waits until there may be room: something was settled, or the pause of a
// failing host is over. The timer is read's.
func (l *lane) full(stop context.Context, timer *time.Timer) {
	wait := time.Hour
	if c := l.held(l.host.look()); c.fails > 0 && !c.probing {
		wait = max(time.Millisecond, time.Until(c.until))
	}
	timer.Reset(wait)
	defer timer.Stop()
	select {
	case <-stop.Done():
	case <-l.hungry:
	case <-timer.C:
	}
}

// wants says how many records the reader may bring, and from where if it must
// begin anew. cancel is how its waiting is ended when that changes.
func (l *lane) wants(now time.Time, cancel context.CancelFunc) (limit int, cursor uint64, again bool) {
	host := l.held(l.host.look())
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.work
	target := l.e.cfg.Lookahead
	if host.fails > 0 {
		target = min(target, probeAhead)
	}
	switch {
	case l.stopped, !host.ready(now):
		return 0, 0, false
	case w.inHand > target/2:
		return 0, 0, false // not for one record at a time
	case w.owed() == 0 && w.span() >= spanMax:
		return 0, 0, false
	}
	limit = target - w.inHand
	if host.fails > 0 {
		limit = probeRead
	}
	if l.lastBytes > 0 {
		limit = min(limit, max(1, recordBytesMax/l.lastBytes))
	}
	again, l.again, l.interrupt = l.again, false, cancel
	return limit, w.position(), again
}

// took puts what was read into the window. It reports whether something may have
// become sendable.
func (l *lane) took(batch ingest.Batch, through uint64) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.again {
		return false // the records were let go of while the reader waited: it begins anew
	}
	for _, ev := range batch.Events {
		l.gap(ev)
	}
	for _, entry := range batch.Entries {
		rec := entry.Record
		l.readAt = rec.Time
		by, reason := l.skips(entry, now)
		if by == nil {
			if rec.Seq >= l.work.next {
				l.e.metrics.skip(reason)
			}
			continue
		}
		l.work.add(entry, by)
		l.lastBytes += (len(rec.Raw) - l.lastBytes) / 8
	}
	before := l.work.position()
	l.work.passed(through)
	l.dirty = l.dirty || l.work.position() != before
	moved := l.through != through
	l.through = through
	return moved
}

// skips says as whom a record goes to this inbox, or why it does not: by is nil then.
func (l *lane) skips(entry *ingest.Entry, now time.Time) (by *part, reason string) {
	rec, parts := entry.Record, *l.parts.Load()
	name, scheme := l.host.name, l.url.Scheme
	switch {
	case bareHost(rec.Domain, scheme) == name:
		return nil, skipOrigin
	case bareHost(rec.Giver, scheme) == name:
		return nil, skipGiver
	case shapeOf(rec, parts[0].style) == shapeNone: // and so in all styles
		return nil, skipShape
	}
	if max := l.e.cfg.MaxAge; max > 0 && isPost(rec) && now.Sub(rec.Time) > max {
		return nil, skipMaxAge
	}
	by, most := firstOf(parts, entry)
	switch {
	case by == nil:
		return nil, skipFilter
	case most > 0 && rec.Seq >= l.work.next && !l.pace.take(most, now): // what is read again does not count a second time
		return nil, skipRate
	}
	return by, ""
}

// firstOf is the first part that takes a record, nil if none does, and how many posts a
// minute may go out for those that take it: 0 has no limit.
func firstOf(parts []part, entry *ingest.Entry) (by *part, most int) {
	for i := range parts {
		p := &parts[i]
		if !p.takes(entry) {
			continue
		}
		if by == nil {
			by = p
		}
		if p.filter.PerMinute == 0 || !isPost(entry.Record) {
			return by, 0
		}
		most = max(most, p.filter.PerMinute)
	}
	return by, most
}

// gap keeps account of records that the log could not bring any more.
func (l *lane) gap(ev ingest.Event) {
	l.e.metrics.gap(ev.Name)
	if ev.To > ev.From {
		l.missed += ev.To - ev.From
	}
	l.row.lastError = "log: " + ev.Name + ": records were gone before they could be sent"
	l.dirty = true
	l.e.logger.Warn("a lane missed records of the log", "inbox", l.inbox, "event", ev.Name, "from", ev.From, "to", ev.To)
}

// pump starts every request that may start. It returns when to come again, zero
// when something will wake the lane.
func (l *lane) pump(abort context.Context) (at time.Time) {
	for {
		var it *item
		it, at = l.next()
		if it == nil {
			signal(l.hungry)
			return at
		}
		go l.deliver(abort, it)
	}
}

// pumpAndWake is pump for those who cannot come again: run does.
func (l *lane) pumpAndWake(abort context.Context) {
	if at := l.pump(abort); !at.IsZero() {
		l.wake()
	}
}

// next takes the next request to start, if one may start now.
func (l *lane) next() (*item, time.Time) {
	now := time.Now()
	host := l.held(l.host.look())
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped || l.work.flying >= l.limit || l.vacant.from != 0 && l.vacant.fails == 0 { // it is to go back

		return nil, time.Time{}
	}
	if !host.ready(now) {
		if host.probing {
			return nil, time.Time{} // its end wakes us
		}
		return nil, host.until
	}
	it, at := l.choose(host, now)
	if it == nil {
		return nil, at
	}
	old := now.Sub(it.entry.Record.Time) > l.e.cfg.CatchUpAfter
	if old && now.Before(l.paceAt) {
		return nil, l.paceAt
	}
	if l.work.flying > 0 {
		// The lanes of one host share what one lane may have.
		if l.host.busy() >= l.e.cfg.Window || !l.e.slots.take(l.extras) {
			return nil, time.Time{} // the end of what flies asks again
		}
		it.extra = true
		l.extras++
	}
	if it.pass = l.host.begin(now); it.pass == passNo {
		l.giveSlot(it)
		l.wake() // it failed since we looked: look again
		return nil, time.Time{}
	}
	if l.behind = old; old {
		l.paceAt = now.Add(time.Second / time.Duration(l.e.cfg.CatchUpPerSecond))
	}
	l.work.fly(it)
	l.workers.Add(1)
	return it, time.Time{}
}

// choose picks the record to send. A failing server is probed with the oldest,
// and every other time with the one that it answered 500 to least.
func (l *lane) choose(host condition, now time.Time) (*item, time.Time) {
	if host.fails == 0 {
		return l.work.pick(now)
	}
	fewest := host.fails%2 == 0
	it := l.work.pickProbe(fewest)
	if fewest && it != nil && it.failures.inside > 0 && l.more() {
		return nil, time.Time{} // wait for the reader to bring another
	}
	return it, time.Time{}
}

// more says whether the reader of a failing lane is about to bring other records.
func (l *lane) more() bool {
	w := &l.work
	return w.inHand <= probeAhead/2 && (w.owed() > 0 || l.through < l.e.log.Tip() && w.span() < spanMax)
}

func (l *lane) giveSlot(it *item) {
	if it.extra {
		it.extra = false
		l.extras--
		l.e.slots.give()
	}
}

// deliver sends records one after another, as long as there are some that may start.
func (l *lane) deliver(abort context.Context, it *item) {
	for it != nil {
		rec, by := it.entry.Record, it.by
		digest, body := l.e.encoded(it.entry, by)
		ans := l.e.sender.send(abort, letter{
			to: l.url, body: body, digest: digest, keyID: by.keyID, public: l.signing.Load().Shared && !it.tried(), target: l.over(),
			old: time.Since(rec.Time) > l.e.cfg.CatchUpAfter,
		})
		l.landed(it, l.blamed(it, judged(rec, by.style, ans)))
		// This goroutine takes the next record, others those beside it.
		var at time.Time
		if it, at = l.next(); it != nil || !at.IsZero() {
			l.pumpAndWake(abort)
		} else {
			signal(l.hungry)
		}
		l.workers.Done() // of the one that landed: next has counted its own
	}
}

// tried reports whether the server has had the record before, and did not take it. It gets
// a signature of its own then: some know a repeat by that, and some may have meant the
// shared one by whatever they said.
func (it *item) tried() bool { return it.refused > 0 || !it.failures.first.IsZero() }

// judged says whom a refusal of raw bytes judges. A server that follows our actor
// may take Announces and still answer 401 or 403 to each Update and Delete that
// another actor signed: that is about the record, not about us.
func judged(rec *ingest.Record, style Style, ans answer) answer {
	forbidden := ans.status == http.StatusUnauthorized || ans.status == http.StatusForbidden
	if style == StyleAnnounce && forbidden && shapeOf(rec, style) == shapeRaw {
		ans.verdict = judgedRecord
	}
	return ans
}

// blamed says whom a 404 or 410 judges. It may mean the record, or that the inbox is
// gone, and then every record would be given up for it, one by one. The record is to
// blame if the server took others since it refused this one. Where it took none two are given up; from
// the third on the inbox is to blame, and nothing is given up.
func (l *lane) blamed(it *item, ans answer) answer {
	if ans.verdict != judgedRecord || !missing(ans.status) {
		return ans
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	took := it.refused > 0 && l.row.delivered > it.okAtRefused || it.seq < l.vacant.proven
	if !took && l.vacant.blames(it.refused) {
		ans.verdict = judgedInbox
	}
	return ans
}

// held is what holds the lane back: the breaker of its host, or the pause of an inbox
// that is gone, which is probed in the same way. A paused lane waits for a probe that nobody makes.
func (l *lane) held(c condition) condition {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.row.silence.paused.IsZero():
		return condition{fails: max(1, c.fails), probing: true}
	case l.vacant.fails == 0 || c.fails > 0:
		return c
	}
	return condition{fails: l.vacant.fails, until: l.vacant.until, probing: l.work.flying > 0}
}

// landed books an answer.
func (l *lane) landed(it *item, ans answer) {
	now := time.Now()
	fails := l.host.end(it.pass, ans.verdict, ans.after, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveSlot(it)
	l.work.land(it)
	if ans.verdict == aborted {
		return
	}
	l.heard(it, ans, now)
	defer l.goBack()
	switch ans.verdict {
	case settled:
		l.took2xx(it, now)
	case judgedInbox:
		l.vacant.keep(it)
		l.failed(it, ans, l.vacant.fails, now)
		l.work.settle(it) // comes again
	case judgedRecord:
		l.refused(it, ans, now)
	case judgedServer:
		l.failed(it, ans, fails, now)
	}
	l.dirty = true
}

// heard books what an answer says of the inbox, and who should hear of that.
func (l *lane) heard(it *item, ans answer, now time.Time) {
	cfg, s, last := &l.e.cfg, &l.row.silence, l.row.lastFailure
	was := s.dormant(cfg, last)
	switch {
	case ans.verdict == judgedInbox:
		l.vacant.failed(ans.after, now)
	case ans.verdict == settled, ans.verdict == judgedRecord && !missing(ans.status):
		l.vacant.answered(it)
	}
	if ans.verdict == settled {
		*s = silence{}
	} else {
		s.failed(ans.verdict, ans.status, last, now)
	}
	if s.paused.IsZero() && s.overdue(cfg, now) {
		s.paused = now
		l.letGo()
		l.e.logger.Warn("a subscriber is paused until its server shows life", "inbox", l.inbox, "since", s.since, "answer", ans.text)
	} else if is := s.dormant(cfg, now); is != was {
		if is {
			l.e.logger.Warn("a subscriber is stale: it has taken nothing for long", "inbox", l.inbox, "since", s.since, "answer", ans.text)
		} else {
			l.e.logger.Info("a stale subscriber takes posts again", "inbox", l.inbox)
		}
	}
}

// goBack begins anew at what was not settled because the inbox seemed to be gone, when it is there
// again and nothing is in flight any more. What the server took behind that comes twice. l.mu is held.
func (l *lane) goBack() {
	if l.vacant.from == 0 || l.vacant.fails > 0 || l.work.flying > 0 {
		return
	}
	l.work = window{next: l.vacant.from}
	l.vacant.from, l.vacant.since = 0, time.Time{}
	l.again, l.through = true, l.work.next-1
	if l.interrupt != nil {
		l.interrupt()
	}
}

// position is the lowest seq that is not settled. l.mu is held.
func (l *lane) position() uint64 {
	if from := l.vacant.from; from != 0 {
		return min(from, l.work.position())
	}
	return l.work.position()
}

func (l *lane) took2xx(it *item, now time.Time) {
	l.work.settle(it)
	l.row.delivered++
	l.meter.Count(now)
	l.row.lastSuccess, l.row.failingSince = now, time.Time{}
	l.limit = min(l.limit+1, l.e.cfg.Window)
	l.e.metrics.laneDone(resultOK)
}

// refused gives a record that was judged one more chance, then gives it up.
func (l *lane) refused(it *item, ans answer, now time.Time) {
	l.row.lastFailure, l.row.lastError, l.row.failingSince = now, ans.text, time.Time{}
	if it.refused == 0 {
		it.okAtRefused = l.row.delivered
	}
	if it.refused++; it.refused > 1 {
		if missing(ans.status) {
			l.vacant.misses++
		}
		l.giveUp(it, ans)
		return
	}
	it.notBefore = now.Add(retryRefused)
	l.e.metrics.laneDone(resultStatus)
}

func (l *lane) giveUp(it *item, ans answer) {
	l.work.settle(it)
	l.row.givenUp++
	l.e.metrics.laneDone(resultGivenUp)
	l.e.logger.Info("record given up", "inbox", l.inbox, "seq", it.seq, "answer", ans.text)
}

// failed keeps a record for another time: the server is at fault.
func (l *lane) failed(it *item, ans answer, fails int, now time.Time) {
	l.row.lastFailure, l.row.lastError = now, ans.text
	if l.row.failingSince.IsZero() {
		l.row.failingSince = now
	}
	if it.failures.add(ans.status, l.row.delivered, now) {
		l.giveUp(it, ans)
		return
	}
	it.notBefore = now.Add(backoff(1 + it.failures.alone))
	l.limit = 1
	if fails >= letGoAfter {
		l.letGo()
	}
	l.e.metrics.laneDone(resultOf(ans))
}

// letGo drops the records of a lane whose server stays away; the next probe reads
// them again.
func (l *lane) letGo() {
	l.work.letGo()
	if l.work.owed() == 0 {
		return
	}
	l.again, l.through = true, l.work.position()-1
	if l.interrupt != nil {
		l.interrupt()
	}
}

// state is what the saver writes, and whether there is news since it was last asked.
func (l *lane) state() (row, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dirty := l.dirty
	l.dirty = false
	l.row.position, l.row.waitingSince = l.position(), l.waits()
	return l.row, dirty
}

// waits is when the oldest record that is not settled entered the log, as far as the lane has read;
// zero when nothing waits. l.mu is held.
func (l *lane) waits() time.Time {
	switch {
	case l.vacant.from != 0 && l.vacant.from == l.position():
		return l.vacant.since
	case len(l.work.items) > 0:
		return l.work.items[0].since
	case l.work.next > l.e.log.Tip():
		return time.Time{}
	case !l.readAt.IsZero():
		return l.readAt
	}
	return l.row.waitingSince // not read yet
}

// unsaved marks the row as not written after all.
func (l *lane) unsaved() {
	l.mu.Lock()
	l.dirty = true
	l.mu.Unlock()
}

// The bounds of a record that a server cannot take: it answered 500 so often, for so
// long, while so many others went through.
const (
	brokenTries = 10
	brokenAge   = 10 * time.Minute
	brokenOK    = 100
)

// add books a failure of a record and reports whether it is the record's own
// fault after all. 500 is the server's fault, but some servers answer it for ever
// to one activity that they cannot parse (a bug of theirs), and its lane must not
// stand still for that. ok is how many records the lane has delivered.
func (f *failed) add(status int, ok int64, now time.Time) bool {
	if f.first.IsZero() {
		f.first, f.okAtFirst = now, ok
	} else if ok > f.okAtLast {
		f.alone++
	}
	f.okAtLast = ok
	if status != 500 {
		return false
	}
	f.inside++
	return f.inside >= brokenTries && now.Sub(f.first) >= brokenAge && ok-f.okAtFirst >= brokenOK
}

func resultOf(ans answer) result {
	switch {
	case ans.timeout:
		return resultTimeout
	case ans.status != 0:
		return resultStatus
	}
	return resultNetwork
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
