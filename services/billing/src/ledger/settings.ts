import { noSeatFree, unknownMember } from '../errors.js';

export type Member = { readonly memberId: string; /** The most that the member may spend in a cycle. */ readonly capTokens?: number };

/** What an account's owner decides about it. */
export type Settings = {
  /** The most that the account may spend in a cycle. */
  readonly spendCapTokens?: number;
  /** Falling below this is told once. */
  readonly lowBalanceTokens?: number;
  readonly members: readonly Member[];
  /** How far the account's clocks are ahead of UTC; absent: not at all. Chosen when it is opened, because another zone would bring another day's tokens. */
  readonly utcOffsetMinutes?: number;
};

/** `null` takes a limit away. */
export type SettingsChange =
  | { readonly kind: 'limits'; readonly spendCapTokens?: number | null; readonly lowBalanceTokens?: number | null }
  | { readonly kind: 'member'; readonly memberId: string; readonly capTokens: number | null }
  | { readonly kind: 'memberLeft'; readonly memberId: string };

export function changed(settings: Settings, change: SettingsChange, membersMax: number): Settings {
  switch (change.kind) {
    case 'limits':
      return { ...withoutLimits(settings), ...limit('spendCapTokens', settings, change), ...limit('lowBalanceTokens', settings, change) };
    case 'member': {
      const others = settings.members.filter(({ memberId }) => memberId !== change.memberId);
      if (others.length === settings.members.length && others.length >= membersMax) throw noSeatFree(membersMax);
      const member = { memberId: change.memberId, ...(change.capTokens === null ? {} : { capTokens: change.capTokens }) };
      return { ...settings, members: [...others, member].sort((a, b) => (a.memberId < b.memberId ? -1 : 1)) };
    }
    case 'memberLeft': {
      const members = settings.members.filter(({ memberId }) => memberId !== change.memberId);
      if (members.length === settings.members.length) throw unknownMember(change.memberId);
      return { ...settings, members };
    }
  }
}

const withoutLimits = ({ spendCapTokens: _, lowBalanceTokens: __, ...rest }: Settings): Settings => rest;

type LimitName = 'spendCapTokens' | 'lowBalanceTokens';

function limit(name: LimitName, settings: Settings, change: Partial<Record<LimitName, number | null>>): Partial<Record<LimitName, number>> {
  const value = change[name] === undefined ? settings[name] : change[name];
  return value === undefined || value === null ? {} : { [name]: value };
}
