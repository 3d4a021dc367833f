package simulator

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Population is a number of servers of many kinds. Same world, same population: the
// same servers with the same accounts.
type Population struct {
	Servers       int
	Mix           []Part        // softwares; DefaultMix when empty
	Accounts      int           // on each server, at least 2; 4 when 0
	Slow          float64       // share of the servers that answer slowly, 0 … 1
	Dead          float64       // … that are down from Turn on
	Lying         float64       // … that also send what is not theirs
	Flooding      float64       // … that send everything many times over
	Pause         time.Duration // of slow servers, before each byte; 50 ms when 0
	DiscardBodies bool          // deliveries keep no bytes: for long runs
	Remember      int           // deliveries that each server keeps, the newest; all when 0
}

// Part is how many of some servers run a software.
type Part struct {
	Software string // NodeInfo name
	Weight   int
}

// Nature is what a server is like, from Turn on.
type Nature string

// The natures.
const (
	Good     Nature = "good"
	Slowly   Nature = "slow"
	Dead     Nature = "dead"
	Lying    Nature = "lying"
	Flooding Nature = "flooding"
)

// Populate starts the servers. All of them are good until Turn, so that they can
// subscribe first. Natures come in a fixed order: the first are lying, then
// flooding, slow and dead ones, then good ones.
func (w *World) Populate(p Population) ([]*Server, error) {
	if p.Accounts == 0 {
		p.Accounts = 4
	}
	p.Accounts = max(p.Accounts, steady)
	if p.Pause == 0 {
		p.Pause = 50 * time.Millisecond
	}
	if len(p.Mix) == 0 {
		p.Mix = DefaultMix()
	}
	rng := rand.New(rand.NewPCG(w.seed, populationStream))
	natures := p.natures()
	var all []*Server
	for i := range p.Servers {
		software := pick(rng, p.Mix)
		s, err := w.Server(Config{
			Name: fmt.Sprintf("%s%d", software, i), Software: software, Nature: natures[i], Pause: p.Pause,
			Accounts: people(rng, p.Accounts), DiscardBodies: p.DiscardBodies, Remember: p.Remember,
		})
		if err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

// populationStream is the stream of the seed's generator that populations come from;
// the streams of servers are their numbers.
const populationStream = 1 << 40

func (p Population) natures() []Nature {
	natures := make([]Nature, 0, p.Servers)
	for _, of := range []struct {
		nature Nature
		share  float64
	}{{Lying, p.Lying}, {Flooding, p.Flooding}, {Slowly, p.Slow}, {Dead, p.Dead}, {Good, 1}} {
		for range int(of.share*float64(p.Servers) + 0.5) {
			natures = append(natures, of.nature)
		}
	}
	return natures
}

// pick chooses a software by its weight.
func pick(rng *rand.Rand, mix []Part) string {
	all := 0
	for _, part := range mix {
		all += part.Weight
	}
	n := rng.IntN(max(all, 1))
	for _, part := range mix {
		if n -= part.Weight; n < 0 {
			return part.Software
		}
	}
	return mix[0].Software
}

// people are accounts with every kind of consent. The first agrees to everything, as do most.
func people(rng *rand.Rand, count int) []Account {
	all := make([]Account, count)
	ways := Declines()
	for i := range all {
		a := Account{Name: fmt.Sprintf("user%d", i), Display: "👤 " + english.words[rng.IntN(len(english.words))], Discoverable: true, Indexable: true}
		if i > 0 {
			a.Discoverable, a.Indexable, a.Locked = rng.IntN(4) > 0, rng.IntN(3) > 0, rng.IntN(10) == 0
			a.Memorial = rng.IntN(40) == 0
			switch rng.IntN(12) {
			case 0:
				a.Type = "Service"
			case 1:
				a.Type = "Group"
			}
			if rng.IntN(8) == 0 {
				a.Decline = ways[rng.IntN(len(ways))]
			}
		}
		if rng.IntN(2) == 0 {
			a.Language = writings[rng.IntN(len(writings))].tag
		}
		all[i] = a
	}
	return all
}

// Nature is what the server is like from Turn on.
func (s *Server) Nature() Nature { return s.cfg.Nature }

// Software is the name of the software that the server runs, as in NodeInfo.
func (s *Server) Software() string { return s.cfg.Software }

// Turn lets the server be what its nature says, once: slow ones get slow, dead ones go down.
// They can be mended after that.
func (s *Server) Turn() {
	s.mu.Lock()
	turned := s.turned
	s.turned = true
	s.mu.Unlock()
	if turned {
		return
	}
	switch s.cfg.Nature {
	case Slowly:
		s.Behave(Behaviour{Inbox: Slow(s.cfg.Pause)})
	case Dead:
		s.Down()
	}
}
