import { useImperativeHandle, useRef, useState, type PointerEvent, type Ref } from 'react';

/** Finer masks than this show no difference: the model paints 128 pixels a side. */
const maskSideMaxPx = 1024;
const brushes = [
  ['0.05', 'Fine'],
  ['0.1', 'Medium'],
  ['0.2', 'Broad'],
] as const;

export type MaskHandle = { readonly toPng: () => Promise<Blob> };
type Props = {
  readonly url: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly onDraw: () => void;
  readonly onClear: () => void;
  readonly ref: Ref<MaskHandle>;
};

/** The picture with a layer to paint on: what is painted over is what gets repainted. */
export function MaskCanvas({ url, widthPx, heightPx, onDraw, onClear, ref }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<Point | undefined>(undefined);
  const [brush, setBrush] = useState('0.1');
  const [isErasing, setErasing] = useState(false);
  const scale = Math.min(1, maskSideMaxPx / Math.max(widthPx, heightPx));
  const [width, height] = [Math.round(widthPx * scale), Math.round(heightPx * scale)];

  useImperativeHandle(ref, () => ({ toPng: () => whiteOnBlack(canvas.current) }), []);

  const stroke = (event: PointerEvent<HTMLCanvasElement>) => {
    const { left, top, width: shownPx } = event.currentTarget.getBoundingClientRect();
    const zoom = width / shownPx;
    const to = { x: (event.clientX - left) * zoom, y: (event.clientY - top) * zoom };
    const from = last.current ?? to;
    last.current = to;
    draw(event.currentTarget, from, to, Number(brush), isErasing);
  };
  const begin = (event: PointerEvent<HTMLCanvasElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    last.current = undefined;
    stroke(event);
    if (!isErasing) onDraw();
  };
  const clear = () => {
    canvas.current?.getContext('2d')?.clearRect(0, 0, width, height);
    onClear();
  };

  return (
    <div className="mask">
      <div className="layers" style={{ aspectRatio: `${width} / ${height}` }}>
        <img src={url} alt="What to start from" draggable={false} />
        <canvas
          ref={canvas}
          width={width}
          height={height}
          aria-label="Paint over what is to be repainted"
          onPointerDown={begin}
          onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && stroke(event)}
        />
      </div>
      <div className="tools">
        <label>
          <span>Brush</span>
          <select value={brush} onChange={(event) => setBrush(event.target.value)}>
            {brushes.map(([size, name]) => (
              <option key={size} value={size}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" className="plain" aria-pressed={isErasing} onClick={() => setErasing(!isErasing)}>
          {isErasing ? 'Paint' : 'Erase'}
        </button>
        <button type="button" className="plain" onClick={clear}>
          Clear
        </button>
      </div>
    </div>
  );
}

type Point = { readonly x: number; readonly y: number };

/** `brush` is a share of the longer side. */
function draw(canvas: HTMLCanvasElement, from: Point, to: Point, brush: number, isErasing: boolean): void {
  const pen = canvas.getContext('2d');
  if (!pen) return;
  pen.globalCompositeOperation = isErasing ? 'destination-out' : 'source-over';
  pen.lineWidth = brush * Math.max(canvas.width, canvas.height);
  pen.lineCap = 'round';
  pen.strokeStyle = '#e4572e';
  pen.beginPath();
  pen.moveTo(from.x, from.y);
  pen.lineTo(to.x, to.y);
  pen.stroke();
}

/** The mask as the API takes it: white is repainted, black stays. */
function whiteOnBlack(drawn: HTMLCanvasElement | null): Promise<Blob> {
  const mask = document.createElement('canvas');
  mask.width = drawn?.width ?? 1;
  mask.height = drawn?.height ?? 1;
  const pen = mask.getContext('2d');
  if (pen && drawn) {
    pen.drawImage(drawn, 0, 0);
    pen.globalCompositeOperation = 'source-in';
    pen.fillStyle = '#ffffff';
    pen.fillRect(0, 0, mask.width, mask.height);
    pen.globalCompositeOperation = 'destination-over';
    pen.fillStyle = '#000000';
    pen.fillRect(0, 0, mask.width, mask.height);
  }
  return new Promise((resolve, reject) =>
    mask.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The browser could not make the mask.'))), 'image/png'),
  );
}
