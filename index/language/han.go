package language

import (
	"strings"
	"unicode"
)

// kana has the letters that only Japanese is written with. U+30FC, the long vowel,
// is common to both in Unicode.
var kana = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x3041, Hi: 0x3096, Stride: 1},
	{Lo: 0x309d, Hi: 0x309f, Stride: 1},
	{Lo: 0x30a1, Hi: 0x30fa, Stride: 1},
	{Lo: 0x30fc, Hi: 0x30ff, Stride: 1},
	{Lo: 0x31f0, Hi: 0x31ff, Stride: 1},
	{Lo: 0xff66, Hi: 0xff9f, Stride: 1},
}}

const (
	// A Chinese post may be decorated with a の; a Japanese one has about as many
	// kana as Han characters.
	hanPerKana = 8
	// From here on a text without kana is not Japanese, whatever it is made of.
	hanAlone = 16
)

// Characters that are frequent in one of the languages and not, or not in this
// form, in the other: words of grammar, simplified and traditional forms for
// Chinese; the forms reformed in 1946 for Japanese.
const (
	chineseOnly = "的了好是我你她它们們这那哪吗嗎吧啊也很没沒什么麼谁誰给給让讓还還吃看说话为从对时来" +
		"后个过开关东车马鸟鱼贝见长门问闻间头买卖賣发经經听写读认识请谢谈觉覺错钱錢铁鐵银" +
		"飞飛风图书电雖虽总總难习区医单变实现观样历气广应与专业這說對來個發讀關實變樣觀歷" +
		"廣應圖與專氣單醫區聽寫呢喝為"
	japaneseOnly = "発売図実気広応対単変歴観駅円桜込働畑峠辻様鉄読験検険圧囲価仮拡楽関帰戻渋処乗浄畳" +
		"縄総続択沢団弾昼庁転伝悩拝浜払仏辺毎訳予両塁齢労録"
)

// cjk decides between Chinese and Japanese, or "".
func cjk(words [][]rune, hans, kanas int) string {
	chinese, japanese := 0, 0
	for _, w := range words {
		for _, r := range w {
			switch {
			case strings.ContainsRune(japaneseOnly, r):
				japanese++
			case strings.ContainsRune(chineseOnly, r):
				chinese++
			}
		}
	}
	switch {
	case kanas > 0 && kanas*hanPerKana >= hans && kanas >= chinese:
		return "ja"
	case chinese > japanese, japanese == 0 && hans >= hanAlone:
		return "zh"
	case japanese > chinese && (kanas > 0 || japanese > 1):
		return "ja"
	}
	return ""
}
