/** Four words of 32 bits, and the second of the last two normal numbers while nobody has taken it. */
export type RandomState = { readonly words: readonly number[]; readonly spare: number | undefined };

/**
 * xoshiro128** (Blackman and Vigna, https://prng.di.unimi.it), seeded by splitmix32. Our own, so that a seed gives the same picture whatever library or Node version runs.
 * `stream` separates uses of one seed: the layout does not shift when the noise needs more numbers.
 */
export class Random {
  #state: Uint32Array;
  #spare: number | undefined;

  constructor(seed: number, stream: number) {
    let mix = Math.imul(seed % 2 ** 32, 0x9e3779b1) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35);
    this.#state = Uint32Array.from({ length: 4 }, () => {
      mix = (mix + 0x9e3779b9) | 0;
      let z = mix ^ (mix >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return z ^ (z >>> 15);
    });
  }

  /** Goes on where another was when its `state` was taken. */
  static resumed({ words, spare }: RandomState): Random {
    const random = new Random(0, 0);
    random.#state = Uint32Array.from(words);
    random.#spare = spare;
    return random;
  }

  get state(): RandomState {
    return { words: [...this.#state], spare: this.#spare };
  }

  /** In the open interval (0, 1). */
  uniform(): number {
    const s = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const five = Math.imul(s1, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const x2 = s2 ^ s0;
    const x3 = s3 ^ s1;
    s[1] = s1 ^ x2;
    s[0] = s0 ^ x3;
    s[2] = x2 ^ (s1 << 9);
    s[3] = (x3 << 11) | (x3 >>> 21);
    return (result + 0.5) / 2 ** 32;
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  normals(count: number): Float32Array {
    return Float32Array.from({ length: count }, () => this.normal());
  }
}
