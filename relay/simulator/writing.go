package simulator

import "strings"

// writing is a language as people write it.
type writing struct {
	tag     string // BCP 47, as servers declare it
	words   []string
	rare    []string // one each in some posts: what a search is tried with
	tags    []string // hashtags, without '#'
	between string   // words are joined by it; "" where none are spaced
	stop    string   // ends a sentence
}

func spaced(tag, stop, rare, tags, words string) *writing {
	return &writing{
		tag: tag, words: strings.Fields(words), rare: strings.Fields(rare), tags: strings.Fields(tags), between: " ", stop: stop,
	}
}

func joined(tag, stop, rare, tags, words string) *writing {
	w := spaced(tag, stop, rare, tags, words)
	w.between = ""
	return w
}

// writings are the languages of the fediverse, about as often as they are met: the
// commonest come several times.
var writings = []*writing{
	english, english, english, english, english, english, japanese, japanese, japanese, german, german, french, spanish,
	portuguese, polish, russian, ukrainian, greek, turkish, vietnamese, arabic, persian, hebrew, hindi, bengali, thai,
	chinese, taiwanese, korean, emoji,
}

var (
	english = spaced("en", ". ", "numbat quokka", "Cats Photography FOSS introduction SilentSunday", `a after again all and at before brook by calm clear
		cold come current day deep down drift dry early every fast field flood flow for from green grey hill ice in into it light
		long low meadow mill morning mud narrow near new night north of old on or over quiet rain reed river rock run salt sand sea
		shallow ship shore slow small snow south spring stone stream summer sun the through tide to town under up valley village
		water wave weather west while wide wind winter with wood year`)
	german = spaced("de", ". ", "Haselhuhn Weißdorn", "Mühlen Straßenbahn Fotografie", `der die das und über Fluß Bäche fließen täglich durch
		Wälder Wiesen Häuser Brücken im Frühling Sommer Herbst Winter ist schön groß klein weiß grün früh spät heute morgen Wetter
		Regen Schnee Straße Mühle Ufer`)
	french = spaced("fr", ". ", "genévrier écureuil", "Été Forêt NoëlAuVillage", `la rivière l’été où coule déjà après là-bas forêt vallée pêche
		très tôt matin lumière œuvre sœur garçon naïve cœur même fenêtre août hiver neige pluie pierre moulin`)
	spanish = spaced("es", ". ", "cigüeña murciélago", "Año FotografíaLibre", `el río la mañana corazón niño montaña ¡qué agua año después allí
		está camino pequeño sueño lluvia nieve otoño piedra árbol pájaro también aquí`)
	portuguese = spaced("pt-BR", ". ", "tucunaré jabuticaba", "Manhã Coração", `o rio da manhã não está chuva coração água depois também maçã
		pão avó avô verão inverno pedra moinho estrada canção limões`)
	polish = spaced("pl", ". ", "żubr świerszcz", "Łąka Zdjęcia", `rzeka płynie przez łąkę źródło góra śnieg dzień noc wieś młyn kamień więcej
		już też będzie światło chłód ścieżka`)
	russian = spaced("ru", ". ", "выхухоль снегирь", "Котики Фотография", `река течёт через лес утро вечер снег дождь тихо мельница камень берег
		сегодня завтра очень ещё хорошо погода ветер зима лето весна дорога`)
	ukrainian = spaced("uk", ". ", "ґедзь їжак", "Київ Фото", `річка тече крізь ліс ранок вечір сніг дощ тихо млин камінь берег сьогодні завтра
		дуже ще добре погода вітер зима літо їде`)
	greek = spaced("el", ". ", "αγριόγιδο κότσυφας", "Θάλασσα Γάτες", `το ποτάμι κυλά πρωί βράδυ χιόνι βροχή μύλος πέτρα όχθη σήμερα αύριο πολύ
		ακόμα καλός καιρός άνεμος χειμώνας δρόμος`)
	turkish = spaced("tr", ". ", "kızılgerdan ışılböceği", "İstanbul Kediler", `ırmak akıyor sabah akşam kar yağmur değirmen taş kıyı bugün yarın
		çok daha güzel hava rüzgâr kış yol`)
	vietnamese = spaced("vi", ". ", "saola chích", "ViệtNam Mèo", `dòng sông chảy qua rừng buổi sáng tuyết mưa cối đá bờ hôm nay ngày mai rất đẹp
		trời gió mùa đông đường`)
	arabic = spaced("ar", ". ", "سنجاب هدهد", "قطط صورة_اليوم", `النهر يجري في الصباح المساء ثلج مطر طاحونة حجر ضفة اليوم غدا جدا أيضا جميل الطقس ريح
		شتاء صيف طريق`)
	persian = spaced("fa", ". ", "گوزن چکاوک", "گربه عکاسی", `رودخانه میرود صبح شب برف باران آسیاب سنگ کنار امروز فردا خیلی هنوز خوب هوا باد
		زمستان تابستان راه`)
	hebrew = spaced("he", ". ", "דוכיפת קיפוד", "חתולים צילום", `הנהר זורם בבוקר ערב שלג גשם טחנה אבן גדה היום מחר מאוד עוד טוב מזג רוח חורף קיץ דרך`)
	hindi  = spaced("hi", "। ", "नीलगाय मैना", "बिल्ली तस्वीर", `नदी बहती है सुबह शाम बर्फ़ बारिश चक्की पत्थर किनारा आज कल बहुत अभी अच्छा मौसम हवा सर्दी
		गर्मी रास्ता`)
	bengali = spaced("bn", "। ", "দোয়েল বনরুই", "বিড়াল ছবি", `নদী বয়ে যায় সকাল সন্ধ্যা বরফ বৃষ্টি পাথর তীর আজ কাল খুব এখনো ভালো আবহাওয়া বাতাস
		শীত পথ`)
	thai = joined("th", " ", "พะยูน นกเงือก", "แมว ถ่ายรูป", `แม่น้ำ ไหล ผ่าน ป่า ตอน เช้า เย็น หิมะ ฝน โรงสี หิน ฝั่ง วันนี้ พรุ่งนี้ มาก ยัง ดี อากาศ ลม
		ฤดูหนาว ถนน`)
	japanese = joined("ja", "。", "山椒魚 ヤマセミ", "猫 写真好きな人と繋がりたい ねこ", `川 が 流れる 朝 夜 雪 雨 水車 石 岸 今日 明日 とても まだ 良い 天気 風 冬 夏 道 を の に は
		ゆっくり カメラ`)
	chinese   = joined("zh-CN", "。", "穿山甲 扬子鳄", "猫 摄影", `河流 经过 森林 早晨 晚上 下雪 下雨 磨坊 石头 岸边 今天 明天 非常 还 很好 天气 风 冬天 夏天 道路`)
	taiwanese = joined("zh-TW", "。", "臺灣黑熊 藍鵲", "貓 攝影", `河流 經過 森林 早晨 晚上 下雪 下雨 磨坊 石頭 岸邊 今天 明天 非常 還 很好 天氣 風 冬天 夏天 道路`)
	korean    = spaced("ko", ". ", "수달 까막딱따구리", "고양이 사진", `강이 흐르는 아침 저녁 눈이 비가 물레방아 돌 강가 오늘 내일 아주 아직 좋은 날씨 바람 겨울 여름 길`)
	emoji     = spaced("und", " ", "🦦 🪿", "Sparkles", `🌊 🏞️ 🌧️ ❄️ 🪨 🌅 👨‍👩‍👧‍👦 🏳️‍🌈 👍🏿 🇵🇹 ☃️ 🧑‍🌾 ✨ 🐈‍⬛`)
)

// writingOf is the writing of a declared language; English of one that is not here.
func writingOf(tag string) *writing {
	for _, w := range writings {
		if w.tag == tag {
			return w
		}
	}
	return english
}
