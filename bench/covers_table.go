package main

// coverPicture is a file that covers are made of; its name has no space.
type coverPicture struct {
	file, name string
	baseline   bool
	own        bool // only our memory is measured
}

// onePixel is what tells the price of starting.
const onePixel = "1px.jpg"

func coverPictures() []coverPicture {
	return []coverPicture{
		{file: onePixel, name: "one pixel"},
		{file: "3mp.jpg", name: "3 MP baseline", baseline: true},
		{file: "12mp.jpg", name: "12 MP baseline", baseline: true},
		{file: "24mp.jpg", name: "24 MP baseline", baseline: true},
		{file: "48mp.jpg", name: "48 MP baseline", baseline: true},
		{file: "3mp-progressive.jpg", name: "3 MP progressive"},
		{file: "12mp-progressive.jpg", name: "12 MP progressive"},
		{file: "24mp-progressive.jpg", name: "24 MP progressive"},
		{file: "48mp-progressive.jpg", name: "48 MP progressive"},
		{file: "12mp.png", name: "12 MP PNG"},
		{file: "most-420.jpg", name: "33 MP progressive", own: true},
		{file: "most-444.jpg", name: "16 MP progressive, 4:4:4", own: true},
		{file: "most-cmyk.jpg", name: "24 MP CMYK", own: true},
		{file: "most.png", name: "25 MP PNG of 16 bits", own: true},
		{file: "most.webp", name: "11 MP WebP, lossless", own: true},
	}
}

// coverGoals is the table of covers. CPU is held against each peer, once as it is and
// once without what it takes to start, which is most of sharp's.
func coverGoals() (t table) {
	for _, p := range coverPictures() {
		sharp, vips, imaging := 0.0, 0.0, 0.0
		if p.baseline {
			sharp, vips = 2, 1
		}
		if p.file == "12mp.jpg" {
			imaging = 0.2
		}
		cpu := func(peer, more string, goal float64) {
			t = append(t, &figure{
				key: p.file + " " + peer + more, name: "CPU, " + p.name + ", peer: " + peer + more,
				unit: "ms", kind: atMost, goal: goal,
			})
		}
		if !p.own {
			cpu("sharp", "", sharp)
			if p.file != onePixel {
				cpu("sharp", " net", sharp)
			}
			cpu("vipsthumbnail", "", vips)
			cpu("imaging", "", imaging)
		}
		most := 300.0
		if p.file == "24mp.jpg" {
			most = 120
		}
		t = append(t, &figure{key: p.file + " memory", name: "memory, " + p.name, unit: "MiB", kind: own, goal: most})
		if !p.own && p.file != onePixel {
			t = append(t, &figure{key: p.file + " likeness", name: "SSIM lost, " + p.name, kind: own, goal: 0.01})
		}
	}
	return t
}
