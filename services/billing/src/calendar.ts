const dayMs = 86_400_000;

/** So many months after the anchor, at its time of day (UTC). A month that lacks the day ends on its last one; counting from the anchor, the day comes back in the month after. */
export function monthsAfter(anchorMs: number, months: number): number {
  const anchor = new Date(anchorMs);
  const monthIndex = anchor.getUTCMonth() + months;
  const daysInMonth = new Date(Date.UTC(anchor.getUTCFullYear(), monthIndex + 1, 0)).getUTCDate();
  const midnightMs = Date.UTC(anchor.getUTCFullYear(), monthIndex, Math.min(anchor.getUTCDate(), daysInMonth));
  return midnightMs + (((anchorMs % dayMs) + dayMs) % dayMs);
}

/** The next 00:00 UTC, never this instant. */
export const nextMidnightMs = (nowMs: number): number => (Math.floor(nowMs / dayMs) + 1) * dayMs;
