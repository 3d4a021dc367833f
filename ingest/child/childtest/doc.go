// Package childtest is what tests of programs that run as a child have in common: their
// log, waiting, killing, and a parent that can be killed too. It is for tests only.
//
//	log.go      Log, Recorder
//	process.go  Ready, Await, Gone, Kill
//	parent.go   ParentMain, StartParent
package childtest
