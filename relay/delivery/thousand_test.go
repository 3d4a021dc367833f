//go:build !race

package delivery

// aThousand is how many servers the tests of many subscribers have.
const aThousand = 1000
