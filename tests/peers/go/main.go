// Go's own ways to hand over: two goroutines over unbuffered channels, and by Gosched. It speaks as the
// program in Rust beside it does: `list`, `levels`, `step ID`, and `run ID EXCHANGES REPEATS`,
// a JSON object a line.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

type about struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Base    string `json:"base"`
	Version string `json:"version"`
	Level   string `json:"level,omitempty"`
}

type answer struct {
	ID        string    `json:"id"`
	Exchanges uint64    `json:"exchanges"`
	OneWayNs  []float64 `json:"one_way_ns"`
	Reason    string    `json:"reason,omitempty"`
	Switched  *switched `json:"switched,omitempty"`
	Crossed   *crossed  `json:"crossed,omitempty"`
}

// Instructions of one switch, which nobody counts here.
type stepped struct {
	ID           string   `json:"id"`
	Instructions *float64 `json:"instructions"`
	Reason       string   `json:"reason"`
}

// The system's own switches of threads, over warm-up and timed blocks.
type switched struct {
	Handoffs    uint64 `json:"handoffs"`
	Voluntary   uint64 `json:"voluntary"`
	Involuntary uint64 `json:"involuntary"`
}

// How many of so many handoffs, of a pass of their own, were taken on another CPU than they were made on.
type crossed struct {
	Handoffs uint64 `json:"handoffs"`
	Crossed  uint64 `json:"crossed"`
}

// A peer: how many threads may run goroutines at once, and the two ends of the link.
type peer struct {
	id, title, base string
	threads         int
	link            func() (ping, pong end)
	cpus            cpus
}

// Where its threads may run.
type cpus int

const (
	anyCPU cpus = iota
	oneCPU
)

// An end of the link: passes a number on, and waits for the other side's.
type end struct {
	hand func(number uint32)
	take func() uint32
}

var peers = []peer{
	{"go-channel-p1", "Go channel, P=1", "ours-channel", 1, channels, anyCPU},
	{"go-channel-p2", "Go channel, P=2", "ours-channel", 2, channels, anyCPU},
	{"go-channel-p12", "Go channel, P=12", "ours-channel", 12, channels, anyCPU},
	{"go-gosched", "Go Gosched, P=1", "ours-yield", 1, yields, anyCPU},
}

// The hierarchy's: the original's two modes, which pin nothing, and its second one kept to a single CPU.
var levels = []peer{
	{"go-channel-p1", "Go channel, P=1", "ours-bare", 1, channels, anyCPU},
	{"go-channel-p12", "Go channel, P=12", "ours-bare", 12, channels, anyCPU},
	{"go-channel-p12-one-cpu", "Go channel, P=12 on one CPU", "ours-bare", 12, channels, oneCPU},
}

const level = "goroutine"

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
			say(peer.about(""))
		}
	case len(arguments) == 1 && arguments[0] == "levels":
		for _, peer := range levels {
			say(peer.about(level))
		}
	case len(arguments) == 2 && arguments[0] == "step":
		say(stepped{ID: arguments[1], Reason: "Go's runtime has threads of the system beside the one that runs both sides"})
	case len(arguments) == 4 && arguments[0] == "run":
		exchanges, first := strconv.ParseUint(arguments[2], 10, 40)
		repeats, second := strconv.ParseUint(arguments[3], 10, 40)
		for _, peer := range append(peers, levels...) {
			if peer.id == arguments[1] && first == nil && second == nil && exchanges > 0 && repeats > 0 {
				if peer.cpus == oneCPU {
					keepToOneCPU()
				}
				say(peer.exchange(exchanges, repeats))
				return
			}
		}
		usage("no such peer, or no numbers from 1")
	default:
		usage("expected: list, levels, or run ID EXCHANGES REPEATS")
	}
}

func (peer peer) about(level string) about {
	return about{peer.id, peer.title, peer.base, "Go " + runtime.Version()[2:], level}
}

func (peer peer) exchange(exchanges, repeats uint64) answer {
	runtime.GOMAXPROCS(peer.threads)
	warmUp := ((exchanges+9)/10 + 7) / 8 * 8 // as Plan::warm_up
	total := warmUp + repeats*exchanges
	ping, pong := peer.link()
	wrongPongs := make(chan uint64, 1)
	looking := looking{exchanges: looks(total)}
	before := systemSwitches()
	go func() {
		var wrong uint64
		for exchange := uint64(0); exchange < total; exchange++ {
			if pong.take() != uint32(2*exchange+1) {
				wrong++
			}
			pong.hand(uint32(2*exchange + 2))
		}
		wrongPongs <- wrong
		looking.answer(pong)
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
		return answer
	}
	if after := systemSwitches(); before != nil && after != nil {
		answer.Switched = &switched{2 * total, after.Voluntary - before.Voluntary, after.Involuntary - before.Involuntary}
	}
	answer.Crossed = looking.ask(ping)
	return answer
}

// As the system counted them for this process.
func systemSwitches() *switched {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return nil
	}
	return &switched{Voluntary: uint64(usage.Nvcsw), Involuntary: uint64(usage.Nivcsw)}
}

// More exchanges, behind those that were timed, in which each side says on which CPU it hands over.
type looking struct {
	exchanges uint64
	from      uint32
	crossed   uint64
}

// How many: no more than there were, and enough for a share.
func looks(total uint64) uint64 {
	const most = 200_000
	if total < most {
		return total
	}
	return most
}

// Only who has the turn is here, so the fields are its alone: the channel orders them.
func (looking *looking) handing() {
	looking.from = cpu()
}

func (looking *looking) taken() {
	if cpu() != looking.from {
		looking.crossed++
	}
}

func (looking *looking) ask(ping end) *crossed {
	if cpu() == unknownCPU {
		return nil
	}
	for exchange := uint64(0); exchange < looking.exchanges; exchange++ {
		looking.handing()
		ping.hand(uint32(2*exchange + 1))
		ping.take()
		looking.taken()
	}
	return &crossed{2 * looking.exchanges, looking.crossed}
}

func (looking *looking) answer(pong end) {
	for exchange := uint64(0); exchange < looking.exchanges; exchange++ {
		pong.take()
		looking.taken()
		looking.handing()
		pong.hand(uint32(2*exchange + 2))
	}
}

const unknownCPU = ^uint32(0)

// The number of the system call getcpu; 0 where it is not known.
var getcpu = map[string]uintptr{"amd64": 309, "arm64": 168}[runtime.GOARCH]

// The CPU that this runs on.
func cpu() (cpu uint32) {
	if getcpu == 0 {
		return unknownCPU
	}
	if _, _, problem := syscall.RawSyscall(getcpu, uintptr(unsafe.Pointer(&cpu)), 0, 0); problem != 0 {
		return unknownCPU
	}
	return cpu
}

// Starts this program anew on the first of its CPUs: all threads of what is started inherit that.
func keepToOneCPU() {
	const done = "SWITCHLAB_ON_ONE_CPU"
	if os.Getenv(done) != "" {
		return
	}
	runtime.LockOSThread()
	var set [128]uint64
	size, address := unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set))
	_, _, problem := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, size, address)
	isFirst := true
	for word := range set {
		for bit := 0; bit < 64; bit++ {
			if isSet := set[word]>>bit&1 == 1; isSet && !isFirst {
				set[word] &^= 1 << bit
			} else if isSet {
				isFirst = false
			}
		}
	}
	if problem == 0 {
		_, _, problem = syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, size, address)
	}
	if problem == 0 {
		program, why := os.Executable()
		if why == nil {
			why = syscall.Exec(program, os.Args, append(os.Environ(), done+"=1"))
		}
		fmt.Fprintln(os.Stderr, "starting anew on one CPU:", why)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "keeping to one CPU:", problem)
	os.Exit(1)
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
