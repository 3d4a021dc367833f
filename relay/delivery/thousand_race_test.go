//go:build race

package delivery

// aThousand is fewer where each step costs ten times as much.
const aThousand = 100
