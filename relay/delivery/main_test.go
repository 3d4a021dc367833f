package delivery

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
)

// sinkVariable makes this binary a server that takes everything: in a process of its
// own, so that a benchmark counts only our side's CPU.
const sinkVariable = "DELIVERY_TEST_SINK"

func TestMain(m *testing.M) {
	if os.Getenv(sinkVariable) != "" {
		if err := serveSink(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveSink serves on several ports, one host each, says which on one line, and
// ends with its standard input.
func serveSink() error {
	take := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	})
	for range benchLanes {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		fmt.Print(listener.Addr(), " ")
		go func() { _ = http.Serve(listener, take) }()
	}
	fmt.Println()
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
