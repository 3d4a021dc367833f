package relay

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
)

// newPicture is the picture of authors who have none, under the paths that
// Mastodon gives them: index/status names them, and apps fetch them.
func newPicture(width, height int) (*document, error) {
	grey := image.NewPaletted(image.Rect(0, 0, width, height), color.Palette{color.Gray{Y: 0xd0}})
	draw.Draw(grey, grey.Bounds(), image.NewUniform(grey.Palette[0]), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, grey); err != nil {
		return nil, fmt.Errorf("relay: drawing a picture: %w", err)
	}
	return newDocument("image/png", b.Bytes()), nil
}
