package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const ticksPerSecond = 100 // USER_HZ, the same on every Linux that Go runs on

// processUsage is what one process took, of /proc.
type processUsage struct {
	Name       string  `json:"name"`
	CPUSeconds float64 `json:"cpu_seconds"`
	RSSMiB     float64 `json:"rss_mib"`
	PeakMiB    float64 `json:"peak_rss_mib"`

	pid    int
	parent int
}

// usage is what a process and its children took, the process first. It is empty
// for pid 0, and without /proc.
func usage(pid int) []processUsage {
	if pid == 0 {
		return nil
	}
	var all []processUsage
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if p, ok := readProcess(dir); ok {
			all = append(all, p)
		}
	}
	family := map[int]bool{pid: true}
	for range 3 { // parent, children, theirs: /proc is not in order
		for _, p := range all {
			family[p.pid] = family[p.pid] || family[p.parent]
		}
	}
	all = slices.DeleteFunc(all, func(p processUsage) bool { return !family[p.pid] })
	slices.SortFunc(all, func(a, b processUsage) int { return a.pid - b.pid })
	return all
}

func readProcess(dir string) (processUsage, bool) {
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return processUsage{}, false
	}
	p, ok := parseStat(string(stat))
	if !ok {
		return p, false
	}
	status, _ := os.ReadFile(dir + "/status")
	p.PeakMiB = peak(string(status))
	command, _ := os.ReadFile(dir + "/cmdline")
	if args := strings.SplitN(string(command), "\x00", 3); len(args) > 1 {
		p.Name = strings.TrimSpace(filepath.Base(args[0]) + " " + args[1])
	}
	return p, true
}

// parseStat reads proc(5)'s stat.
func parseStat(stat string) (processUsage, bool) {
	pid, rest, _ := strings.Cut(stat, " ")
	end := strings.LastIndex(rest, ") ") // the name may hold anything
	if end < 0 {
		return processUsage{}, false
	}
	fields := strings.Fields(rest[end+2:])
	if len(fields) < 22 {
		return processUsage{}, false
	}
	number := func(s string) float64 { v, _ := strconv.ParseFloat(s, 64); return v }
	return processUsage{
		Name: strings.TrimPrefix(rest[:end], "("), pid: int(number(pid)), parent: int(number(fields[1])),
		CPUSeconds: (number(fields[11]) + number(fields[12])) / ticksPerSecond,
		RSSMiB:     number(fields[21]) * float64(os.Getpagesize()) / (1 << 20),
	}, true
}

func peak(status string) float64 {
	_, rest, _ := strings.Cut(status, "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}

// since takes what each process had used before off.
func since(now, before []processUsage) []processUsage {
	for i, p := range now {
		for _, b := range before {
			if b.pid == p.pid {
				now[i].CPUSeconds -= b.CPUSeconds
			}
		}
	}
	return now
}

// ownSeconds is this program's processor time.
func ownSeconds() float64 {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(r.Utime) + seconds(r.Stime)
}
