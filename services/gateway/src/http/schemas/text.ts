/// <reference lib="es2024.string" />
import { z } from 'zod';

/** A lone surrogate from a `\ud800` escape cannot be written as UTF-8: it becomes U+FFFD. */
export const wellFormed = (value: string): string => value.toWellFormed();

export const text = (maxChars: number) => z.string().max(maxChars).overwrite(wellFormed);
