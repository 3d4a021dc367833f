package signer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tributary/ingest/child/childtest"
)

// BenchmarkSign compares crypto/rsa with the child. What counts is processor time, of both processes: cpu-µs/op.
func BenchmarkSign(b *testing.B) {
	b.Run("go", func(b *testing.B) {
		measure(b, 0, func() { bySelf(b, testKey(), newDigest()) })
	})
	p := start(b, childtest.Log(b))
	b.Run("child", func(b *testing.B) {
		measure(b, p.Pid(), func() {
			if _, err := p.Sign(newDigest()); err != nil {
				b.Error(err)
			}
		})
	})
}

// measure runs do from sixteen goroutines, as many as the Signer asks ahead for two workers.
func measure(b *testing.B, pid int, do func()) {
	pids := []int{os.Getpid()}
	if pid != 0 {
		pids = append(pids, pid)
	}
	before := used(pids)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do()
		}
	})
	after := used(pids)
	var cpu, switches float64
	for i := range pids {
		cpu += after[i].cpu - before[i].cpu
		switches += after[i].switches - before[i].switches
	}
	b.ReportMetric(cpu/1000/float64(b.N), "cpu-µs/op")
	b.ReportMetric(switches/float64(b.N), "switches/op")
	if pid != 0 {
		b.ReportMetric((after[1].cpu-before[1].cpu)/1000/float64(b.N), "child-µs/op")
	}
}

type usage struct{ cpu, switches float64 }

// used is what the threads of processes took: of Linux, else nothing.
func used(pids []int) []usage {
	all := make([]usage, len(pids))
	for i, pid := range pids {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, task := range tasks {
			var ns float64
			schedstat, _ := os.ReadFile(task + "/schedstat")
			_, _ = fmt.Sscan(string(schedstat), &ns)
			all[i].cpu += ns
			all[i].switches += switches(task + "/status")
		}
	}
	return all
}

func switches(path string) (sum float64) {
	status, _ := os.ReadFile(path)
	for _, name := range []string{"\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:"} {
		var n float64
		if _, rest, ok := strings.Cut(string(status), name); ok {
			_, _ = fmt.Sscan(rest, &n)
		}
		sum += n
	}
	return sum
}
