const momentum = 0.9;
const secondMomentum = 0.999;
const epsilon = 1e-8;

/** Both moments, beside the number of steps all that Adam remembers. */
export type AdamMoments = { readonly mean: Float32Array; readonly square: Float32Array };

/** Adam (Kingma and Ba 2014, https://arxiv.org/abs/1412.6980) over one array of parameters, in place. A parameter whose gradient was always 0 never moves. */
export class Adam {
  readonly moments: AdamMoments;
  #steps: number;

  /** `moments` and `steps` of an earlier one, whose work goes on; the moments are taken over, not copied. */
  constructor(
    private readonly parameters: Float32Array,
    moments: AdamMoments = { mean: new Float32Array(parameters.length), square: new Float32Array(parameters.length) },
    steps = 0,
  ) {
    this.moments = moments;
    this.#steps = steps;
  }

  step(gradient: Float32Array, rate: number): void {
    this.#steps += 1;
    const { mean: means, square: squares } = this.moments;
    const unbias = 1 / (1 - momentum ** this.#steps);
    const unbiasSquare = 1 / (1 - secondMomentum ** this.#steps);
    for (let k = 0; k < this.parameters.length; k += 1) {
      const slope = gradient[k] ?? 0;
      const mean = momentum * (means[k] ?? 0) + (1 - momentum) * slope;
      const square = secondMomentum * (squares[k] ?? 0) + (1 - secondMomentum) * slope * slope;
      means[k] = mean;
      squares[k] = square;
      this.parameters[k] = (this.parameters[k] ?? 0) - (rate * mean * unbias) / (Math.sqrt(square * unbiasSquare) + epsilon);
    }
  }
}
