// The renditions by sharp, each from the one before, as internal/cover makes them.
import { writeFileSync } from 'node:fs';
import sharp from 'sharp';

const [file, out] = process.argv.slice(2);
const { width } = await sharp(file).metadata();
let last = null;
for (const w of [1200, 640, 320, 96].filter((w) => w <= width)) {
  const from = last ? sharp(last.data, { raw: last.info }) : sharp(file).autoOrient();
  last = await from.resize(w).raw().toBuffer({ resolveWithObject: true });
  writeFileSync(`${out}/w${w}.jpg`, await sharp(last.data, { raw: last.info }).jpeg({ quality: 82 }).toBuffer());
}
