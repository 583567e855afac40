/**
 * Stands in for `@modelcontextprotocol/core` in the apps' bundles (see build.mjs): the shapes of messages that ext-apps
 * asks for, as far as an app reads them.
 */

import { z } from "./schema";

export const RequestIdSchema = z.union([z.string(), z.number()]);
const version = { jsonrpc: z.literal("2.0") };
const params = z.record(z.string(), z.unknown()).optional();

export const JSONRPCMessageSchema = z.union([
  z.object({ ...version, method: z.string(), id: RequestIdSchema.optional(), params }),
  z.object({ ...version, id: RequestIdSchema, result: z.record(z.string(), z.unknown()) }),
  z.object({
    ...version,
    id: RequestIdSchema.optional(),
    error: z.object({ code: z.number(), message: z.string() }),
  }),
]);

export const EmptyResultSchema = z.object({});
export const ImplementationSchema = z.object({ name: z.string(), version: z.string() });
export const ToolSchema = z.object({ name: z.string() });
export const ContentBlockSchema = z.object({ type: z.string() });
export const EmbeddedResourceSchema = z.object({ type: z.literal("resource") });
export const ResourceLinkSchema = z.object({ type: z.literal("resource_link"), uri: z.string() });
export const CallToolResultSchema = z.object({
  content: z.array(ContentBlockSchema).optional(),
  structuredContent: z.record(z.string(), z.unknown()).optional(),
  isError: z.boolean().optional(),
});
