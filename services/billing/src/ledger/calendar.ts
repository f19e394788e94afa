const dayMs = 86_400_000;

/** So many months after the anchor, at its time of day (UTC). A month that lacks the day ends on its last one; counting from the anchor, the day comes back in the month after. */
export function monthsAfter(anchorMs: number, months: number): number {
  const anchor = new Date(anchorMs);
  const monthIndex = anchor.getUTCMonth() + months;
  const daysInMonth = new Date(Date.UTC(anchor.getUTCFullYear(), monthIndex + 1, 0)).getUTCDate();
  const midnightMs = Date.UTC(anchor.getUTCFullYear(), monthIndex, Math.min(anchor.getUTCDate(), daysInMonth));
  return midnightMs + (((anchorMs % dayMs) + dayMs) % dayMs);
}

/** The next 00:00 of clocks that are so far ahead of UTC, never this instant. A fixed distance, because rules of summer time change, and what an entry decided must stay true. */
export function nextMidnightMs(nowMs: number, utcOffsetMinutes = 0): number {
  const aheadMs = utcOffsetMinutes * 60_000;
  return (Math.floor((nowMs + aheadMs) / dayMs) + 1) * dayMs - aheadMs;
}
