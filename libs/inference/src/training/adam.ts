const momentum = 0.9;
const secondMomentum = 0.999;
const epsilon = 1e-8;

/** Adam (Kingma and Ba 2014, https://arxiv.org/abs/1412.6980) over one array of parameters, in place. A parameter whose gradient was always 0 never moves. */
export class Adam {
  readonly #mean: Float32Array;
  readonly #square: Float32Array;
  #steps = 0;

  constructor(private readonly parameters: Float32Array) {
    this.#mean = new Float32Array(parameters.length);
    this.#square = new Float32Array(parameters.length);
  }

  step(gradient: Float32Array, rate: number): void {
    this.#steps += 1;
    const unbias = 1 / (1 - momentum ** this.#steps);
    const unbiasSquare = 1 / (1 - secondMomentum ** this.#steps);
    for (let k = 0; k < this.parameters.length; k += 1) {
      const slope = gradient[k] ?? 0;
      const mean = momentum * (this.#mean[k] ?? 0) + (1 - momentum) * slope;
      const square = secondMomentum * (this.#square[k] ?? 0) + (1 - secondMomentum) * slope * slope;
      this.#mean[k] = mean;
      this.#square[k] = square;
      this.parameters[k] = (this.parameters[k] ?? 0) - (rate * mean * unbias) / (Math.sqrt(square * unbiasSquare) + epsilon);
    }
  }
}
