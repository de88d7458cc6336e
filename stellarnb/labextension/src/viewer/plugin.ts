/** Opens FITS, ECSV, VOTable and Parquet in the main area. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import { ABCWidgetFactory, Base64ModelFactory, DocumentRegistry, DocumentWidget } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { SETTINGS_ID } from '../names';
import { fileIcon } from './icon';
import type { Server } from './load';
import { FileViewer } from './widget';

const FACTORY = 'Stellar Viewer';
const MODEL = 'stellarnb-file';
/** Where the settings do not say: [MB]. */
const LIMIT = 50;

const FILE_TYPES: readonly Partial<DocumentRegistry.IFileType>[] = [
  { name: 'stellarnb-fits', displayName: 'FITS', extensions: ['.fits', '.fit', '.fits.gz'], mimeTypes: ['image/fits', 'application/fits'], fileFormat: 'base64' },
  { name: 'stellarnb-ecsv', displayName: 'ECSV table', extensions: ['.ecsv'], mimeTypes: ['text/ecsv'], fileFormat: 'text' },
  { name: 'stellarnb-votable', displayName: 'VOTable', extensions: ['.vot', '.votable', '.votable.xml'], mimeTypes: ['application/x-votable+xml'], fileFormat: 'text' },
  { name: 'stellarnb-parquet', displayName: 'Parquet table', extensions: ['.parquet'], mimeTypes: ['application/vnd.apache.parquet'], fileFormat: 'base64' }
];

/** A model without content: the viewer asks for the size first, and loads what is not too large. */
class FileModelFactory extends Base64ModelFactory {
  override get name(): string {
    return MODEL;
  }

  override get fileFormat(): Contents.FileFormat {
    return null;
  }

  override get collaborative(): boolean {
    return false;
  }
}

type ViewerDocument = DocumentWidget<FileViewer>;

class ViewerFactory extends ABCWidgetFactory<ViewerDocument> {
  constructor(
    options: DocumentRegistry.IWidgetFactoryOptions<ViewerDocument>,
    private readonly _server: Server,
    private readonly _limit: () => number
  ) {
    super(options);
  }

  protected createNewWidget(context: DocumentRegistry.Context): ViewerDocument {
    const widget = new DocumentWidget({ content: new FileViewer(context, this._server, this._limit), context });
    widget.toolbar.hide();
    widget.title.icon = fileIcon;
    return widget;
  }
}

async function follow(settings: ISettingRegistry, take: (megabytes: number) => void): Promise<void> {
  const ours = await settings.load(SETTINGS_ID);
  const read = (): void => {
    const value = Number(ours.get('maxFileSize').composite);
    take(value > 0 ? value : LIMIT);
  };
  ours.changed.connect(read);
  read();
}

/** The viewer of files. */
export const viewer: JupyterFrontEndPlugin<void> = {
  id: 'stellarnb:viewer',
  description: 'Shows spectra and tables in FITS, ECSV, VOTable and Parquet files.',
  autoStart: true,
  optional: [ISettingRegistry, ILayoutRestorer],
  activate: (app: JupyterFrontEnd, settings: ISettingRegistry | null, restorer: ILayoutRestorer | null) => {
    let limit = LIMIT;
    if (settings) {
      follow(settings, value => (limit = value)).catch(error => console.warn('Settings of stellarnb:', error));
    }
    const { docRegistry, serviceManager } = app;
    for (const type of FILE_TYPES) {
      docRegistry.addFileType({ ...type, contentType: 'file', icon: fileIcon });
    }
    docRegistry.addModelFactory(new FileModelFactory());
    const names = FILE_TYPES.map(type => type.name ?? '');
    const factory = new ViewerFactory(
      { name: FACTORY, modelName: MODEL, fileTypes: names, defaultFor: names, readOnly: true },
      { contents: serviceManager.contents, settings: serviceManager.serverSettings },
      () => limit * 1e6
    );
    const tracker = new WidgetTracker<ViewerDocument>({ namespace: 'stellarnb-viewer' });
    factory.widgetCreated.connect((_, widget) => {
      void tracker.add(widget);
      widget.context.pathChanged.connect(() => void tracker.save(widget));
    });
    docRegistry.addWidgetFactory(factory);
    if (restorer) {
      void restorer.restore(tracker, {
        command: 'docmanager:open',
        args: widget => ({ path: widget.context.path, factory: FACTORY }),
        name: widget => widget.context.path
      });
    }
  }
};
