export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect x="3" y="3" width="12" height="12" rx="3" fill="var(--tile-1)" />
      <rect x="17" y="3" width="12" height="12" rx="3" fill="var(--tile-2)" />
      <rect x="3" y="17" width="12" height="12" rx="3" fill="var(--tile-3)" />
      <rect x="17" y="17" width="12" height="12" rx="6" fill="var(--tile-4)" />
    </svg>
  );
}
