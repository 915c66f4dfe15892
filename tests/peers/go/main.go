// Go's own ways to hand over: two goroutines over unbuffered channels, and by Gosched. It speaks as the
// program in Rust beside it does: `list`, and `run ID EXCHANGES REPEATS`, a JSON object a line.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"
)

type about struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Base    string `json:"base"`
	Version string `json:"version"`
}

type answer struct {
	ID        string    `json:"id"`
	Exchanges uint64    `json:"exchanges"`
	OneWayNs  []float64 `json:"one_way_ns"`
	Reason    string    `json:"reason,omitempty"`
}

// A peer: how many threads may run goroutines at once, and the two ends of the link.
type peer struct {
	id, title, base string
	threads         int
	link            func() (ping, pong end)
}

// An end of the link: passes a number on, and waits for the other side's.
type end struct {
	hand func(number uint32)
	take func() uint32
}

var peers = []peer{
	{"go-channel-p1", "Go channel, P=1", "ours-channel", 1, channels},
	{"go-channel-p2", "Go channel, P=2", "ours-channel", 2, channels},
	{"go-channel-p12", "Go channel, P=12", "ours-channel", 12, channels},
	{"go-gosched", "Go Gosched, P=1", "ours-yield", 1, yields},
}

func channels() (ping, pong end) {
	there, back := make(chan uint32), make(chan uint32)
	ping = end{func(number uint32) { there <- number }, func() uint32 { return <-back }}
	pong = end{func(number uint32) { back <- number }, func() uint32 { return <-there }}
	return
}

func yields() (ping, pong end) {
	var word uint32
	hand := func(number uint32) { atomic.StoreUint32(&word, number) }
	take := func(parity uint32) func() uint32 {
		return func() uint32 {
			for {
				if number := atomic.LoadUint32(&word); number%2 == parity {
					return number
				}
				runtime.Gosched()
			}
		}
	}
	return end{hand, take(0)}, end{hand, take(1)}
}

func main() {
	arguments := os.Args[1:]
	switch {
	case len(arguments) == 1 && arguments[0] == "list":
		for _, peer := range peers {
			say(about{peer.id, peer.title, peer.base, "Go " + runtime.Version()[2:]})
		}
	case len(arguments) == 4 && arguments[0] == "run":
		exchanges, first := strconv.ParseUint(arguments[2], 10, 40)
		repeats, second := strconv.ParseUint(arguments[3], 10, 40)
		for _, peer := range peers {
			if peer.id == arguments[1] && first == nil && second == nil && exchanges > 0 && repeats > 0 {
				say(peer.exchange(exchanges, repeats))
				return
			}
		}
		usage("no such peer, or no numbers from 1")
	default:
		usage("expected: list, or run ID EXCHANGES REPEATS")
	}
}

func (peer peer) exchange(exchanges, repeats uint64) answer {
	runtime.GOMAXPROCS(peer.threads)
	warmUp := (exchanges + 9) / 10
	total := warmUp + repeats*exchanges
	ping, pong := peer.link()
	wrongPongs := make(chan uint64, 1)
	go func() {
		var wrong uint64
		for exchange := uint64(0); exchange < total; exchange++ {
			if pong.take() != uint32(2*exchange+1) {
				wrong++
			}
			pong.hand(uint32(2*exchange + 2))
		}
		wrongPongs <- wrong
	}()
	answer := answer{ID: peer.id, Exchanges: exchanges, OneWayNs: []float64{}}
	var wrong, exchange uint64
	for block := uint64(0); block <= repeats; block++ {
		count := exchanges
		if block == 0 {
			count = warmUp
		}
		started := time.Now()
		for last := exchange + count; exchange < last; exchange++ {
			ping.hand(uint32(2*exchange + 1))
			if ping.take() != uint32(2*exchange+2) {
				wrong++
			}
		}
		took := time.Since(started)
		if block > 0 {
			answer.OneWayNs = append(answer.OneWayNs, float64(took.Nanoseconds())/float64(2*count))
		}
	}
	// The other side has ended too, so it counted as many.
	if wrong += <-wrongPongs; wrong > 0 {
		answer.OneWayNs = []float64{}
		answer.Reason = fmt.Sprintf("lost its place: %d of %d exchanges carried a wrong number", wrong, total)
	}
	return answer
}

func say(line any) {
	text, problem := json.Marshal(line)
	if problem != nil {
		panic(problem)
	}
	fmt.Println(string(text))
}

func usage(problem string) {
	fmt.Fprintln(os.Stderr, "error: "+problem)
	os.Exit(2)
}
