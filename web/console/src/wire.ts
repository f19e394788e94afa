/** The parts of the REST API that this page reads. */
export type Line = { readonly description: string; readonly tokens: number };
export type Quote = { readonly lines: readonly Line[]; readonly totalTokens: number };
export type Account = {
  readonly accountId: string;
  readonly plan: string;
  readonly balanceTokens: number;
  readonly heldTokens: number;
  readonly spentTokens: number;
  readonly credits?: { readonly balanceCredits: number };
  readonly buckets: readonly { readonly bucket: string; readonly balanceTokens: number }[];
};
export type Queue = {
  readonly queuedJobs: number;
  readonly runningJobs: number;
  readonly accountQueuedJobs: number;
  readonly accountRunningJobs: number;
};
export type Model = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tessera: {
    readonly model: string;
    readonly isDefault: boolean;
    readonly maxImages: number;
    readonly maxSide: number;
    readonly defaultSteps: number;
    readonly maxSteps: number;
    readonly guidanceKinds: readonly string[];
  };
};
export type Picture = { readonly id: string; readonly url: string; readonly tessera: { readonly isAccepted: boolean } };
export type Generation = {
  readonly id: string;
  readonly status: 'PENDING' | 'COMPLETE' | 'FAILED';
  readonly createdAt: string;
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly imageWidth: number;
  readonly imageHeight: number;
  readonly inferenceSteps: number;
  readonly seed?: number;
  readonly presetStyle: string;
  readonly generated_images: readonly Picture[];
  readonly tessera: {
    readonly state: string;
    readonly model: string;
    readonly images: number;
    readonly notices: readonly { readonly message: string }[];
    readonly failureMessage?: string;
    readonly queuePosition: number;
    readonly bill: { readonly quote?: Quote; readonly chargedTokens: number };
  };
};
export type Bill = {
  readonly state: 'held' | 'settled' | 'released' | 'unknown';
  readonly lane: string;
  readonly wallet: string;
  readonly quote?: Quote;
  readonly chargedLines: readonly Line[];
  readonly chargedTokens: number;
  readonly heldTokens: number;
  readonly returnedTokens: number;
  readonly balanceTokens: number;
};
export type Upload = { readonly id: string; readonly url: string; readonly tessera: { readonly width: number; readonly height: number } };
export type Request = {
  readonly prompt: string;
  readonly negative_prompt?: string;
  readonly modelId?: string;
  readonly width: number;
  readonly height: number;
  readonly num_images: number;
  readonly num_inference_steps?: number;
  readonly init_image_id?: string;
  readonly init_mask_id?: string;
  readonly init_strength?: number;
  readonly controlnets?: readonly {
    readonly initImageId: string;
    readonly preprocessorId: string;
    readonly weight: number;
    readonly subject?: string;
  }[];
  readonly seed?: number;
  readonly presetStyle: string;
};
