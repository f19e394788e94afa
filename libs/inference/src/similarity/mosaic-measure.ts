import { createHash } from 'node:crypto';
import type { Manifest } from '@tessera/models/manifest.js';
import { internal, invalidArgument } from '@tessera/platform/errors.js';
import { matteOf } from '../flow/subjects/matting.js';
import type { Sessions } from '../flow/sessions.js';
import { calibrated, overlap, rawFacets, viewOf, type View } from './facets.js';
import { framed, poses, type Frame, type Pose } from './frames.js';
import { latentsOf, type Latents } from './latents.js';
import type { Facets, Likeness } from './similarity.js';
import { type Matting, type Thing, thingsOf, wholeOf } from './things.js';

/** Changes whenever the same pictures would measure otherwise. */
const measureVersion = 1;
/** Poses are tried on smaller frames than they are compared on: a silhouette loses nothing by it. */
const poseSidePx = 64;
/** A silhouette tells the pose where the best one overlaps by so much more than the worst; a ball does not. */
const tellingOverlap = 0.15;
/** Decoded references in their poses; some 2 MB each. */
const keptReferencesMax = 20;
/** The angle at which nothing is left of `angle`; poses reach to less. */
const angleReach = 90;
const weights = { head: 0.4, colours: 0.3, body: 0.3 } as const;

/** A reference in every pose; views are made when a picture needs them. */
type Posed = { readonly thing: Thing; readonly frames: readonly Frame[]; readonly views: Map<number, Promise<View>> };

type Compared = { readonly facets: Facets; readonly overall: number };

/** Mosaic's matting cuts the things out, its encoder says what their parts look like; colours and silhouettes are counted. */
export class MosaicMeasure {
  /** By digest, the last used last: jobs of one character come again. */
  readonly #references = new Map<string, Promise<Posed | undefined>>();
  #ground: Promise<Latents> | undefined;
  readonly #matting: Matting = async (data, widthPx, heightPx) => {
    const matte = await matteOf({ data, widthPx, heightPx }, this.manifest, this.sessions);
    if (!matte) throw internal('broken_model', 'The model that measures has no matting graph.');
    return matte;
  };

  constructor(
    private readonly manifest: Manifest,
    private readonly sessions: Sessions,
  ) {}

  async compare(references: readonly Uint8Array[], picture: Uint8Array): Promise<Likeness> {
    const posed = (await Promise.all(references.map((reference) => this.#posed(reference)))).filter((each) => each !== undefined);
    if (posed.length === 0)
      throw invalidArgument('empty_character', 'There is nothing to be seen in the picture of the character.', { param: 'guidance' });
    let best: Compared = { facets: { head: 0, colours: 0, body: 0 }, overall: 0 };
    for (const thing of await thingsOf(picture, this.#matting)) {
      const shown = await this.#view(framed(thing, this.manifest.nativeSidePx, upright));
      const small = framed(thing, poseSidePx, upright);
      for (const reference of posed) {
        const compared = await this.#compareOne(reference, shown, small);
        if (compared.overall > best.overall) best = compared;
      }
    }
    return { ...best, measuredBy: `mosaic-${this.manifest.version}/${measureVersion}` };
  }

  async #compareOne(reference: Posed, shown: View, small: Frame): Promise<Compared> {
    const overlaps = reference.frames.map((frame) => overlap(frame, small));
    const most = Math.max(...overlaps);
    const at = overlaps.indexOf(most);
    const pose = poses[at] ?? upright;
    const raw = rawFacets(await this.#viewIn(reference, at, pose), shown, await this.#groundLatents());
    const [head, colours, body] = [calibrated('head', raw.head), calibrated('colours', raw.colours), calibrated('body', raw.body)];
    const tells = most - Math.min(...overlaps) >= tellingOverlap;
    return {
      facets: { head, colours, body, ...(tells ? { angle: 1 - Math.abs(pose.degrees) / angleReach } : {}) },
      overall: weights.head * head + weights.colours * colours + weights.body * body,
    };
  }

  #posed(bytes: Uint8Array): Promise<Posed | undefined> {
    const digest = createHash('sha256').update(bytes).digest('hex');
    const reading = this.#references.get(digest) ?? this.#read(bytes);
    this.#references.delete(digest);
    this.#references.set(digest, reading);
    reading.catch(() => this.#references.delete(digest));
    const [oldest] = this.#references.keys();
    if (this.#references.size > keptReferencesMax && oldest !== undefined) this.#references.delete(oldest);
    return reading;
  }

  async #read(bytes: Uint8Array): Promise<Posed | undefined> {
    const thing = await wholeOf(bytes, this.#matting);
    return thing && { thing, frames: poses.map((pose) => framed(thing, poseSidePx, pose)), views: new Map() };
  }

  #viewIn({ thing, views }: Posed, at: number, pose: Pose): Promise<View> {
    const view = views.get(at) ?? this.#view(framed(thing, this.manifest.nativeSidePx, pose));
    views.set(at, view);
    return view;
  }

  async #view(frame: Frame): Promise<View> {
    return viewOf(frame, await latentsOf(frame, this.manifest, this.sessions));
  }

  /** Of a picture that shows nothing. */
  #groundLatents(): Promise<Latents> {
    const sidePx = this.manifest.nativeSidePx;
    this.#ground ??= latentsOf({ sidePx, planes: new Float32Array(4 * sidePx * sidePx), heightPerWidth: 1 }, this.manifest, this.sessions);
    return this.#ground;
  }
}

const upright: Pose = { degrees: 0, isMirrored: false };
