// Two goroutines hand a number to and fro over unbuffered channels, and each checks what the other sent.
// Its arguments are the exchanges that are not timed and those that are; it prints the nanoseconds of the
// latter. How many processors it may use, GOMAXPROCS says.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fail("WARM-UP and EXCHANGES are expected")
	}
	warmUp, exchanges := count(os.Args[1]), count(os.Args[2])
	pings, pongs := make(chan uint64), make(chan uint64)
	go answer(pings, pongs)
	exchange(pings, pongs, 0, warmUp)
	start := time.Now()
	exchange(pings, pongs, warmUp, exchanges)
	elapsed := time.Since(start)
	fmt.Println(elapsed.Nanoseconds())
}

// exchange sends pings, which are odd, and expects to each the next number.
func exchange(pings chan<- uint64, pongs <-chan uint64, first, count uint64) {
	for index := first; index < first+count; index++ {
		number := index*2 + 1
		pings <- number
		if found := <-pongs; found != number+1 {
			fail(fmt.Sprintf("number %d was due, %d came", number+1, found))
		}
	}
}

func answer(pings <-chan uint64, pongs chan<- uint64) {
	for due := uint64(1); ; due += 2 {
		if found := <-pings; found != due {
			fail(fmt.Sprintf("number %d was due, %d came", due, found))
		}
		pongs <- due + 1
	}
}

func count(text string) uint64 {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		fail(err.Error())
	}
	return number
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
