"""Books the lives that compare.mjs tells, with beancount's own lot booking, and answers what every lot holds after each step.

Beancount decides which lots a reduction takes (FIFO), which ones an overflow takes (LIFO), whether there is enough, and what merges with what when tokens come back. This file only translates:
a lot of tokens is a position held at cost; the cost's label is the lot's name, and its date is the lot's place in the queue, since beancount orders lots by date.
"""
import datetime
import json
import sys

from beancount.core.amount import Amount
from beancount.core.data import Posting, Transaction
from beancount.core.inventory import Inventory
from beancount.core.number import D
from beancount.core.position import Cost
from beancount.core.data import Booking
from beancount.parser.booking_method import handle_ambiguous_matches

RANKS = {"daily": 1, "fast": 2, "rollover": 3, "topup": 4}
ENTRY = Transaction({"filename": "oracle", "lineno": 0}, datetime.date(2026, 1, 1), "*", None, "", frozenset(), frozenset(), [])


class Life:
    def __init__(self):
        self.free = Inventory()
        self.held = {}
        self.arrivals = {}
        self.buckets = {}
        self.expiries = {}

    def cost(self, lot):
        place = RANKS[self.buckets[lot]] * 100_000 + self.arrivals[lot]
        return Cost(D(1), "USD", datetime.date.fromordinal(place), lot)

    def add(self, inventory, lot, tokens):
        if tokens:
            inventory.add_amount(Amount(D(tokens), "TOKEN"), self.cost(lot))

    def pick(self, inventory, tokens, method, usable=lambda lot: True):
        """Lots and amounts that beancount would reduce; None when they do not suffice."""
        if tokens == 0:
            return []
        matches = [position for position in inventory if usable(position.cost.label)]
        if not matches:
            return None
        posting = Posting("Assets:Tokens", Amount(D(-tokens), "TOKEN"), None, None, None, None)
        booked, _, errors = handle_ambiguous_matches(ENTRY, posting, matches, method)
        return None if errors else [(part.cost.label, int(-part.units.number)) for part in booked]

    def take(self, inventory, picked):
        for lot, tokens in picked:
            inventory.add_amount(Amount(D(-tokens), "TOKEN"), self.cost(lot))

    def grant(self, step):
        for lot in step["lots"]:
            self.arrivals[lot["lotId"]] = len(self.arrivals) + 1
            self.buckets[lot["lotId"]] = lot["bucket"]
            if "expiresMs" in lot:
                self.expiries[lot["lotId"]] = lot["expiresMs"]
            self.add(self.free, lot["lotId"], lot["tokens"])

    def is_live(self, lot, now):
        return self.expiries.get(lot, float("inf")) > now

    def expire(self, now):
        self.take(self.free, [(p.cost.label, int(p.units.number)) for p in list(self.free) if not self.is_live(p.cost.label, now)])

    def hold(self, step):
        usable = lambda lot: self.is_live(lot, step["nowMs"]) and (step["isPaid"] or self.buckets[lot] != "rollover")
        picked = self.pick(self.free, step["tokens"], Booking.FIFO, usable)
        if picked is None:
            return "relaxed" if step["mayRelax"] else "refused"
        self.take(self.free, picked)
        self.held[step["jobId"]] = [[lot, tokens] for lot, tokens in picked]
        return "held"

    def close(self, step):
        """Spends the charge in the order in which it was held; the rest goes back to where it came from, as far as that lives and the bank has room."""
        parts = self.held.pop(step["jobId"], [])
        charge = step["tokens"]
        for lot, tokens in parts:
            spent = min(tokens, charge)
            charge -= spent
            back = tokens - spent
            if not self.is_live(lot, step["nowMs"]):
                continue
            if self.buckets[lot] == "rollover":
                back = min(back, max(0, step["bankCap"] - self.banked()))
            self.add(self.free, lot, back)

    def banked(self):
        return sum(int(p.units.number) for p in self.free if self.buckets[p.cost.label] == "rollover")

    def renew(self, step):
        everything = [(p.cost.label, int(p.units.number)) for p in list(self.free) if self.buckets[p.cost.label] in ("fast", "rollover")]
        if step["bank"] == "filled":
            self.take(self.free, everything)
            for lot, bucket in self.buckets.items():
                if bucket == "fast":
                    self.buckets[lot] = "rollover"
            for lot, tokens in everything:
                self.add(self.free, lot, tokens)
            self.trim(step["bankCap"])
        if step["bank"] == "expired":
            self.take(self.free, everything)
            for lot, bucket in self.buckets.items():
                if bucket in ("fast", "rollover"):
                    self.expiries.setdefault(lot, step["nowMs"])
                    self.expiries[lot] = min(self.expiries[lot], step["nowMs"])
        self.grant(step)

    def trim(self, cap):
        overflow = self.banked() - cap
        if overflow > 0:
            self.take(self.free, self.pick(self.free, overflow, Booking.LIFO, lambda lot: self.buckets[lot] == "rollover"))

    def state(self):
        held = {}
        for parts in self.held.values():
            for lot, tokens in parts:
                held[lot] = held.get(lot, 0) + tokens
        return {"free": {p.cost.label: int(p.units.number) for p in self.free}, "held": held}

    def do(self, step):
        kind = step["kind"]
        if kind == "grant":
            self.grant(step)
        elif kind == "trim":
            self.trim(step["bankCap"])
        elif kind == "expire":
            self.expire(step["nowMs"])
        elif kind == "hold":
            return self.hold(step)
        elif kind == "close":
            self.close(step)
        elif kind == "renew":
            self.renew(step)
        return "done"


for line in sys.stdin:
    life = Life()
    answers = [{"outcome": life.do(step), **life.state()} for step in json.loads(line)]
    sys.stdout.write(json.dumps(answers) + "\n")
