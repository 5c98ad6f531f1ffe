import type { Message, Sampling } from '../../core/evaluation.ts';
import { canonicalJson } from '../../core/json.ts';

/** The body of `POST /chat/completions`, as OpenAI's API has it. What is not set is not in it. */
export type ChatBody = {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly temperature: number;
  readonly max_tokens: number;
  readonly top_p?: number;
  readonly seed?: number;
};

/** sha256 of a text, 64 hex digits. */
export type Sha256 = (text: string) => string;

/** The one place where a request is made: exactly this is sent, and exactly this is hashed. */
export function chatBody(model: string, messages: readonly Message[], sampling: Sampling): ChatBody {
  const { temperature, maxTokens, topP, seed } = sampling;
  return {
    model,
    messages,
    temperature,
    max_tokens: maxTokens,
    ...(topP === null ? {} : { top_p: topP }),
    ...(seed === null ? {} : { seed }),
  };
}

/** A key's `requestHash` for what the model is asked. */
export const hashOfRequest = (body: ChatBody, sha256: Sha256): string => sha256(canonicalJson(body));

/** A key's `requestHash` for a control text, which nobody is asked for. */
export const hashOfControl = (origin: 'reference' | 'broken', text: string, sha256: Sha256): string =>
  sha256(canonicalJson({ origin, text }));
