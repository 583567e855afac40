import type { ViewProps } from "../shared/frame";
import texts from "../texts/preview.json";

export function Preview({ data, state }: ViewProps) {
  return (
    <main>
      <h1>{texts[state.language].title}</h1>
      <p class="said">{JSON.stringify(data, null, 2)}</p>
    </main>
  );
}
