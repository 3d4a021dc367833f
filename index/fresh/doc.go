// Package fresh holds of the newest posts what questions ask about them: words, hashtags, author,
// server, language. The first pages of a timeline or a search find their posts here, without a
// statement of the database.
//
// It is an inverted index in memory: segments of some ten thousand posts in order of their ids,
// of which the newest grows and the others are packed. It does not store anything, show anything,
// or know words as such: a term is a hash with a seed of this process.
//
//	set.go       all segments: what comes in, what is let go of, what is found
//	load.go      older posts, which are read from the database while newer ones come in
//	segment.go   posts of a range of ids
//	packed.go    lists of a segment that takes no more posts
//	query.go     what is asked for
//
// # Invariants
//
//   - It has every post with an id from floor on that was put in a tier that is shown, in the
//     newest version that was put. About what is below it says nothing.
//   - It holds no more bytes than it may, but for the segment that grows.
//   - A version that was hidden is not found, nor is an older one of the same post.
package fresh
