import { kafkaRecipe } from './kafka.js';
import { mongoRecipe } from './mongo.js';
import { redisRecipe } from './redis.js';
import type { ServerRecipe } from './running-server.js';
import { s3Recipe } from './s3.js';
import { installServer } from './start-server.js';
import { tritonRecipe } from './triton.js';

const recipes: readonly ServerRecipe[] = [redisRecipe, mongoRecipe, kafkaRecipe, s3Recipe, tritonRecipe()];

/** Fetches whatever this machine lacks of them, so that no test has to wait for an installation. One after the other: each uses all cores or the whole line. */
export async function installServers(): Promise<void> {
  for (const recipe of recipes) await installServer(recipe);
}
