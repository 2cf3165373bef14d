// What a text costs on the air (3GPP TS 23.038): the same counting as smsmentor/core/gsm.py, for the box that a person types in.

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
    "abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENDED = new Set("\f^{}\\[~]|€");

// The first character that GSM-7 lacks, or "": it makes the whole text UCS-2.
export function stranger(text) {
  for (const c of text) if (!BASIC.has(c) && !EXTENDED.has(c)) return c;
  return "";
}

// {encoding, segments, used, room}: `used` and `room` are in septets or UTF-16 units of the whole text.
export function measure(text) {
  const plain = !stranger(text);
  const widths = [...text].map((c) => (plain ? (EXTENDED.has(c) ? 2 : 1) : c.length));
  const [single, joined] = plain ? [160, 153] : [70, 67];
  const used = widths.reduce((sum, width) => sum + width, 0);
  const segments = used <= single ? 1 : count(widths, joined);
  return { encoding: plain ? "GSM-7" : "UCS-2", segments, used, room: segments === 1 ? single : segments * joined };
}

// A character of two units is never split: it moves whole to the next segment.
function count(widths, joined) {
  let segments = 1;
  let room = joined;
  for (const width of widths) {
    if (width > room) {
      segments += 1;
      room = joined;
    }
    room -= width;
  }
  return segments;
}
